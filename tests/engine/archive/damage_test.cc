// labels: damage
// Bytes of weights, model descriptions, policies and mean forecasts flipped and cut: found, or of
// no effect. SKIPCAST_DAMAGE=all takes every byte, three masks and every length, else a sample.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "engine/keys/analog_keys.h"
#include "engine/models/model.h"
#include "engine/settings/policy.h"
#include "storage/files/file_io.h"
#include "tests/support/skip.h"
#include "tests/support/trained_model.h"

namespace {

using namespace skipcast;
using namespace skipcast::engine;

constexpr uint32_t kSeed = 7;

std::string slurp(const std::string& path) { return *storage::read_file(path, 1 << 28); }

void spill(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

struct Tally {
  int64_t found = 0, harmless = 0;
  std::string undetected;  // the first one
};

// `judge(bytes)` says "found", "harmless", or what is wrong.
template <typename Judge>
Tally attack(const std::string& good, int64_t sample, const Judge& judge) {
  const char* all = std::getenv("SKIPCAST_DAMAGE");
  const auto total = static_cast<double>(4 * good.size());
  const double share = all && std::string(all) == "all" ? 1 : static_cast<double>(sample) / total;
  std::mt19937 random(kSeed);
  Tally tally;
  for (size_t at = 0; at < good.size(); ++at) {
    for (const int mask : {0x01, 0x80, 0xff, 0}) {  // 0: cut here
      if (std::uniform_real_distribution<double>()(random) >= share) continue;
      std::string bad = good;
      if (mask == 0) bad.resize(at);
      if (mask != 0) bad[at] = static_cast<char>(bad[at] ^ mask);
      const std::string result = judge(bad);
      tally.found += result == "found";
      tally.harmless += result == "harmless";
      if (result == "found" || result == "harmless" || !tally.undetected.empty()) continue;
      tally.undetected =
          "byte " + std::to_string(at) + " mask " + std::to_string(mask) + ": " + result;
    }
  }
  return tally;
}

void report(const char* what, const Tally& tally) {
  MESSAGE(what, ", seed ", kSeed, ": ", tally.found, " found, ", tally.harmless, " harmless");
  CHECK_MESSAGE(tally.undetected == "", tally.undetected);
  CHECK(tally.found > 0);
}

}  // namespace

TEST_CASE("Damage: a model that loads is the model that was saved") {
  const tests::TempDir folder;
  const tests::TrainedModel t(folder.file("a"));
  const auto right = Model::load(*t.store, "small");
  REQUIRE(right.ok());
  const auto dataset = Dataset::load(*t.store, (*right)->task(), (*right)->normalizer());
  REQUIRE(dataset.ok());
  const std::vector<int64_t> origins = {100, 200};
  const at::Tensor mean = (*right)->mean_forecast((*dataset)->contexts(origins));
  for (const std::string& path : {t.paths.weights, t.paths.description}) {
    const std::string good = slurp(path);
    const Tally tally = attack(good, 1500, [&](const std::string& bad) -> std::string {
      spill(path, bad);
      const auto model = Model::load(*t.store, "small");
      if (!model.ok()) return "found";
      const bool same = (*model)->fingerprint() == (*right)->fingerprint() &&
                        at::equal((*model)->mean_forecast((*dataset)->contexts(origins)), mean);
      return same ? "harmless" : "another model";
    });
    spill(path, good);
    report(std::filesystem::path(path).filename().c_str(), tally);
  }
}

TEST_CASE("Damage: a policy that is read is the policy that was written") {
  Policy policy;
  policy.name = "mine";
  policy.task = "small";
  policy.archive_id = std::string(32, 'a');
  policy.model_fingerprint = "0123456789abcdef";
  policy.validation_crps = 0.3;
  policy.bins = {{0.5, {}}, {INFINITY, {}}};
  const std::string good = to_json(policy);
  report("policy", attack(good, 1'000'000, [&](const std::string& bad) -> std::string {
           const auto read = policy_from_json(bad);
           if (!read.ok()) return "found";
           return to_json(*read) == good ? "harmless" : "another policy";
         }));
}

TEST_CASE("Damage: mean forecasts that are read are those the model makes") {
  const tests::TempDir folder;
  const tests::TrainedModel t(folder.file("a"));
  const auto model = Model::load(*t.store, "small");
  REQUIRE(model.ok());
  const auto dataset = Dataset::load(*t.store, (*model)->task(), (*model)->normalizer());
  REQUIRE(dataset.ok());
  const std::string path = folder.file("means.skm");
  REQUIRE(MeanTable::open(*model, **dataset, path).ok());
  const auto fresh = MeanTable::open(*model, **dataset, "");
  REQUIRE(fresh.ok());
  const std::string good = slurp(path);
  report("means", attack(good, 1500, [&](const std::string& bad) -> std::string {
           spill(path, bad);
           const auto rows = (*fresh)->check_file(path);
           if (!rows.ok()) return "found";
           return bad == good ? "harmless" : "believed";
         }));
}
