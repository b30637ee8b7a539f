#include "tests/fault/scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "storage/blocks/head_receipt.h"
#include "storage/series/archive_config.h"
#include "storage/upkeep/series_verify.h"
#include "tests/support/series.h"

namespace skipcast::tests {
namespace {

using storage::OpenMode;
using storage::SeriesStore;

constexpr storage::WindowSpec kSpec{6, 4};
constexpr storage::StoreOptions kOptions{storage::kMemoryBytesMin};
constexpr int64_t kFitStates = 64;  // of the normalizer; the index begins there
constexpr int64_t kRecentValues = 12'000;
constexpr int64_t kSpreadStates = 40;  // looked at all over the archive
constexpr int64_t kSearches = 5;

int64_t between(std::mt19937_64& random, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
}

// Mostly a few states, sometimes enough for records over many blocks of RocksDB's log.
int64_t block_states(std::mt19937_64& random) {
  const int64_t chance = between(random, 0, 19);
  if (chance == 0) return between(random, 500, 2500);
  return chance < 5 ? between(random, 60, 300) : between(random, 1, 70);
}

}  // namespace

Status Scene::create() {
  auto store = SeriesStore::create(path_, small_schema(2, places_), kOptions);
  SKIPCAST_TRY_OK(store.status());
  store_ = std::move(store).value();
  ledger_.created = true;
  return Status();
}

Status Scene::open() {
  auto store = SeriesStore::open(path_, OpenMode::kReadWrite, kOptions);
  SKIPCAST_TRY_OK(store.status());
  store_ = std::move(store).value();
  return Status();
}

void Scene::close() {
  index_.reset();
  encoder_.reset();
  normalizer_.reset();
  store_.reset();
}

Status Scene::append(int64_t states) {
  const int64_t size = store_->size();
  ledger_.attempted = std::max(ledger_.attempted, size + states);
  SKIPCAST_TRY_OK(store_->append(block_of(store_->schema(), size, states)).status());
  ledger_.acknowledged = size + states;
  return Status();
}

Status Scene::append_some(std::mt19937_64& random) { return append(block_states(random)); }

Status Scene::set_tasks(std::mt19937_64& random) {
  const auto padding = static_cast<size_t>(between(random, 0, 9000));
  const std::string tasks =
      fmt::format(R"([{{"name":"{}{}"}}])", random(), std::string(padding, 'x'));
  ledger_.tasks.push_back(tasks);
  SKIPCAST_TRY_OK(store_->set_tasks(tasks));
  ledger_.tasks = {tasks};
  return Status();
}

Result<std::unique_ptr<retrieval::AnalogIndex>> Scene::open_index(const std::string& file) const {
  retrieval::AnalogIndexOptions options{kSpec};
  options.path = file;
  options.batch = 256;
  return retrieval::AnalogIndex::open(*store_, encoder_, options);
}

Status Scene::follow() {
  if (store_->size() < kFitStates) return Status();
  if (index_) return index_->follow();
  if (!encoder_) {
    SKIPCAST_TRY(auto fitted,
                 retrieval::Normalizer::fit(*store_, {{0}, retrieval::Base::kMean, kFitStates}));
    normalizer_ = std::make_unique<retrieval::Normalizer>(std::move(fitted));
    SKIPCAST_TRY(encoder_, retrieval::make_context_encoder(*store_, *normalizer_, {kSpec, {0}}));
  }
  std::error_code ignored;
  std::filesystem::create_directory(path_ + "/index", ignored);
  SKIPCAST_TRY(index_, open_index(path_ + "/index/flat"));
  return Status();
}

Status Scene::step(std::mt19937_64& random) {
  const int64_t chance = between(random, 0, 9);
  if (chance == 0) return set_tasks(random);
  if (chance < 3) return follow();
  return append_some(random);
}

std::string Scene::check_states(bool whole) const {
  const int64_t size = store_->size();
  if (size < ledger_.acknowledged || size > ledger_.attempted) {
    return fmt::format("the archive holds {} states; {} were acknowledged, {} tried", size,
                       ledger_.acknowledged, ledger_.attempted);
  }
  const std::string& tasks = store_->schema().tasks_json;
  const auto& known = ledger_.tasks;
  if (!known.empty() && std::count(known.begin(), known.end(), tasks) == 0) {
    return fmt::format("its tasks are none that were set: {:.80}", tasks);
  }
  const int64_t recent = 10 + kRecentValues / store_->schema().state_values();
  const int64_t from = whole ? 0 : std::max<int64_t>(0, size - recent);
  if (std::string wrong = difference(*store_, from, size - from); !wrong.empty()) return wrong;
  if (!whole) return check_spread();
  const auto report = storage::verify_series(path_, {});
  if (!report.ok()) return "verify: " + report.status().message();
  return report->states == size ? "" : fmt::format("verify found {} states", report->states);
}

std::string Scene::check_spread() const {
  const int64_t size = store_->size(), step = size / kSpreadStates + 1;
  for (int64_t state = 0; state < size; state += step) {
    if (std::string wrong = difference(*store_, state, 1); !wrong.empty()) return wrong;
  }
  return "";
}

std::string Scene::check_index() {
  if (const Status status = follow(); !status.ok()) return "index: " + status.message();
  if (!index_) return "";
  const auto fresh = open_index("");
  if (!fresh.ok()) return "a fresh index: " + fresh.status().message();
  if (index_->rows() != (*fresh)->rows()) {
    return fmt::format("the index holds {} windows, a fresh one {}", index_->rows(),
                       (*fresh)->rows());
  }
  const int64_t size = store_->size();
  for (int64_t i = 1; i <= kSearches; ++i) {
    const int64_t origin = kFitStates / 2 + i * (size - kFitStates / 2) / kSearches - 1;
    const auto found = index_->search(origin, {kSpec}, {.k = 4});
    const auto expected = (*fresh)->search(origin, {kSpec}, {.k = 4});
    if (found.ok() != expected.ok()) return "the index and a fresh one disagree on a search";
    if (!found.ok()) continue;
    for (size_t n = 0; n < expected->analogs.size(); ++n) {
      if (found->analogs[n].origin == expected->analogs[n].origin) continue;
      return fmt::format("analog {} of {} is not that of a fresh index", n, origin);
    }
  }
  return "";
}

std::string Scene::check_receipt() const {
  if (!ledger_.created) return "";
  const auto config = storage::read_config(path_);
  if (!config.ok()) return "CONFIG.json: " + config.status().message();
  const auto receipt = storage::read_head(path_, config->store_id);
  if (!receipt.ok()) return "HEAD: " + receipt.status().message();
  if (receipt->states >= ledger_.acknowledged) return "";
  return fmt::format("HEAD acknowledges {} states, append() had acknowledged {}", receipt->states,
                     ledger_.acknowledged);
}

void Scene::accept() {
  ledger_.created = true;
  ledger_.acknowledged = ledger_.attempted = store_->size();
  ledger_.tasks = {store_->schema().tasks_json};
}

std::string Scene::recover(bool whole) {
  close();
  if (!ledger_.created && !std::filesystem::exists(path_)) {
    if (const Status made = create(); !made.ok()) return "making it anew: " + made.message();
  }
  if (!store_) {
    if (const Status opened = open(); !opened.ok()) {
      return fmt::format("opening ({}): {}", code_name(opened.code()), opened.message());
    }
  }
  if (std::string wrong = check_states(whole); !wrong.empty()) return wrong;
  accept();
  if (const Status more = append(3); !more.ok()) return "appending after it: " + more.message();
  if (std::string wrong = check_states(false); !wrong.empty()) return "after it: " + wrong;
  return whole ? check_index() : "";
}

}  // namespace skipcast::tests
