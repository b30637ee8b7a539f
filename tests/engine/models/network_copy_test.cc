// Copies of a network: read when they are asked for, under their old names too, and named by every
// command that goes over them.
#include "engine/models/network_copy.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "engine/archive/archive_check.h"
#include "engine/archive/archive_salvage.h"
#include "engine/forecast/policy_forecast.h"
#include "tests/support/copies.h"
#include "tests/support/skip.h"
#include "tests/support/trained_model.h"

namespace {

using namespace skipcast::engine;
using skipcast::Code;
using skipcast::storage::SeriesStore;
using skipcast::tests::age_copy;
using skipcast::tests::save_untrained_copy;
using skipcast::tests::TempDir;
using skipcast::tests::TrainedModel;

std::shared_ptr<const Model> loaded(const SeriesStore& store) {
  auto model = Model::load(store, "small");
  REQUIRE_MESSAGE(model.ok(), model.status().message());
  return std::move(model).value();
}

Code code_of(const SeriesStore& store, const char* kind) {
  return loaded(store)->copy(kind).status().code();
}

void damage(const std::string& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(5000);
  file.put('?');
}

// What check_archive() complains of.
std::string complaints(const std::string& archive) {
  std::string text;
  const auto verdicts = check_archive(archive);
  for (const Verdict& verdict : verdicts.value()) {
    if (!verdict.status.ok()) text += verdict.part + ": " + verdict.status.message() + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("Copies: read at the first use, by one thread, and not before") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  const auto model = loaded(*t.store);
  save_untrained_copy(*t.store, "small", kOneStepCopy);  // after the model was opened
  std::vector<std::shared_ptr<const ModelCopy>> seen(4);
  {
    std::vector<std::jthread> threads;
    for (auto& one : seen) {
      threads.emplace_back([&model, &one] { one = model->copy(kOneStepCopy).value(); });
    }
  }
  for (const auto& one : seen) CHECK(one == seen.front());
  CHECK(seen.front()->info.kind == kOneStepCopy);
  CHECK(code_of(*t.store, kConditionedCopy) == Code::kNotFound);
}

TEST_CASE("Copies: a damaged one hinders no plain forecast, and verify finds it") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  save_untrained_copy(*t.store, "small", kOneStepCopy);
  damage(copy_path(t.store->path(), "small", copy_kind(kOneStepCopy)));
  const auto forecaster = Forecaster::open(*t.store, "small");
  REQUIRE(forecaster.ok());
  CHECK((*forecaster)->forecast(380, {{.steps = 2}, {.members = 3}}).ok());
  const ForecastOptions one_step = {{.steps = 1, .solver = "finisher"}, {.members = 3}};
  CHECK((*forecaster)->forecast(380, one_step).status().code() == Code::kDataLoss);
  CHECK(complaints(folder.file("a")).find("one-step network of small") != std::string::npos);
}

TEST_CASE("Copies: files of an earlier version open, verify, are salvaged, and are replaced") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  for (const CopyKind& kind : copy_kinds()) {
    if (std::string(kind.old_name).empty()) continue;
    save_untrained_copy(*t.store, "small", kind.name);
    const std::string old_path = age_copy(*t.store, "small", kind.name);
    CHECK(old_path.find(kind.old_name) != std::string::npos);
    CHECK(copy_path(t.store->path(), "small", kind) == old_path);
    CHECK(code_of(*t.store, kind.name) == Code::kOk);
  }
  CHECK(complaints(folder.file("a")) == "");
  REQUIRE(salvage_archive(folder.file("a"), folder.file("b"), {}).ok());
  CHECK(std::filesystem::exists(folder.file("b") + "/models/small.finisher.safetensors"));
  CHECK(std::filesystem::exists(folder.file("b") + "/models/small.informed.safetensors"));
  CHECK(complaints(folder.file("b")) == "");

  save_untrained_copy(*t.store, "small", kOneStepCopy);
  CHECK_FALSE(std::filesystem::exists(folder.file("a") + "/models/small.finisher.safetensors"));
  CHECK(std::filesystem::exists(folder.file("a") + "/models/small.one-step.safetensors"));
  CHECK(code_of(*t.store, kOneStepCopy) == Code::kOk);
}

TEST_CASE("Copies: a policy of an earlier version is bound by the old word") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  save_untrained_copy(*t.store, "small", kOneStepCopy);
  const auto forecaster = Forecaster::open(*t.store, "small");
  REQUIRE(forecaster.ok());
  Policy policy = {.name = "p",
                   .task = "small",
                   .archive_id = t.store->store_id(),
                   .model_fingerprint = (*forecaster)->model().fingerprint()};
  policy.bins.push_back(
      {.distance_max = std::numeric_limits<double>::infinity(),
       .options = {.depth = {.entry_sigma = 3}, .steps = 1, .solver = "finisher"}});
  bind_copies((*forecaster)->model(), policy);
  REQUIRE(policy.copies.contains(kOneStepCopy));
  policy.copies = {{"finisher", policy.copies.at(kOneStepCopy)}};
  REQUIRE(save(policy, folder.file("p.json")).ok());
  CHECK(load_policy(**forecaster, folder.file("p.json")).ok());
  policy.copies["finisher"] = "0000000000000000";
  REQUIRE(save(policy, folder.file("q.json")).ok());
  const auto other = load_policy(**forecaster, folder.file("q.json")).status();
  CHECK(other.code() == Code::kRefused);
  CHECK(other.message().find("another one-step network") != std::string::npos);
}

TEST_CASE("Copies: the kinds have names of their own, and each says what trains it") {
  for (const CopyKind& kind : copy_kinds()) {
    CHECK(find_copy_kind(kind.name) == &kind);
    const CopyKind* old_kind = find_copy_kind(kind.old_name);
    CHECK(old_kind == (std::string(kind.old_name).empty() ? nullptr : &kind));
    const std::string command = training_command(kind, "a.skc", "small");
    CHECK(command.starts_with("skipcast "));
    CHECK(command.find("a.skc --task small") != std::string::npos);
  }
  CHECK(find_copy_kind("small") == nullptr);
  CHECK(find_copy_kind("") == nullptr);
}
