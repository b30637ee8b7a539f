// Which trials are the same: those of equal settings, whatever they look like in print.
#include "engine/tuning/trial_set.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "engine/settings/options_json.h"
#include "engine/tuning/trial_log.h"
#include "tests/support/skip.h"

using namespace skipcast;
using engine::Setting;
using engine::StartKind;
using engine::Trial;
using engine::TrialLog;
using engine::TrialSet;

namespace {

Setting entering(double sigma) {
  Setting setting;
  setting.depth.entry_sigma = sigma;
  return setting;
}

}  // namespace

TEST_CASE("Trial set: entry sigmas that agree in their first digits are two trials") {
  TrialSet trials;
  trials.add({.options = entering(1.2341), .windows = 20});
  CHECK(trials.holds(entering(1.2341), 20));
  CHECK_FALSE(trials.holds(entering(1.2341), 40));
  CHECK_FALSE(trials.holds(entering(1.2342), 20));
  CHECK_FALSE(trials.holds(entering(1.2341 + 1e-15), 20));
  CHECK(trials.best_of({entering(1.2342), entering(1.2341)}, 20, 2).size() == 1);
}

TEST_CASE("Trial set: what a start does not use makes no other trial") {
  TrialSet trials;
  Setting cold = {.start = {.kind = StartKind::kCold}, .steps = 3};
  trials.add({.options = cold, .windows = 20});
  cold.start.pool = 7;
  cold.start.key_mix = 0.1;
  cold.start.cycle = 2;
  CHECK(trials.holds(cold, 20));
  cold.steps = 4;
  CHECK_FALSE(trials.holds(cold, 20));
}

TEST_CASE("Trial log: finds by value, in lines of older versions as well") {
  const tests::TempDir folder;
  const std::string path = folder.file("p.trials.jsonl");
  const engine::TrialContext context = {
      .archive_id = "a", .model_fingerprint = "m", .members = 4, .seed = 7};
  Setting setting = entering(1.0 / 3);
  setting.start.added_noise = 0.25;
  setting.start.kind = StartKind::kMismatched;
  {
    auto log = TrialLog::open(path, context);
    REQUIRE(log.ok());
    REQUIRE((*log)->add({.options = setting, .windows = 20, .crps = 0.5}).ok());
  }
  std::ifstream in(path);
  std::string line((std::istreambuf_iterator<char>(in)), {});
  const auto replace = [&line](const std::string& from, const std::string& to) {
    REQUIRE(line.find(from) != std::string::npos);
    line.replace(line.find(from), from.size(), to);
  };
  replace("\"added_noise\"", "\"spread\"");
  replace("\"mismatched\"", "\"shuffled\"");
  std::ofstream(path) << line;
  const auto log = TrialLog::open(path, context);
  REQUIRE(log.ok());
  REQUIRE((*log)->find(setting, 20));
  CHECK((*log)->find(setting, 20)->crps == 0.5);
  CHECK_FALSE((*log)->find(setting, 21));
  setting.depth.entry_sigma = 0.333333;
  CHECK_FALSE((*log)->find(setting, 20));
}

TEST_CASE("Trial log: trials on confirming windows are others than on choosing ones") {
  const tests::TempDir folder;
  const std::string path = folder.file("p.trials.jsonl");
  const engine::TrialContext context = {.archive_id = "a", .model_fingerprint = "m"};
  const engine::WindowRole confirming = engine::WindowRole::kConfirming;
  for (const int run : {0, 1}) {
    const auto log = TrialLog::open(path, context);
    REQUIRE(log.ok());
    if (run == 0) {
      REQUIRE(
          (*log)->add({.options = entering(3), .windows = 9, .role = confirming, .crps = 2}).ok());
    }
    CHECK_FALSE((*log)->find(entering(3), 9));
    REQUIRE((*log)->find(entering(3), 9, confirming));
    CHECK((*log)->find(entering(3), 9, confirming)->crps == 2);
    CHECK((*log)->find(entering(3), 9, confirming)->role == confirming);
  }
}

TEST_CASE("Trial log: a log from before windows had roles opens, and its windows are not ours") {
  const tests::TempDir folder;
  const std::string path = folder.file("p.trials.jsonl");
  const engine::TrialContext context = {.archive_id = "a", .model_fingerprint = "m"};
  {
    const auto log = TrialLog::open(path, context);
    REQUIRE(log.ok());
    REQUIRE((*log)->add({.options = entering(3), .windows = 9}).ok());
  }
  std::ifstream in(path);
  std::string line((std::istreambuf_iterator<char>(in)), {});
  const std::string role = "\"role\":\"choosing\",";
  REQUIRE(line.find(role) != std::string::npos);
  line.erase(line.find(role), role.size());
  std::ofstream(path) << line;
  const auto log = TrialLog::open(path, context);
  REQUIRE(log.ok());
  CHECK_FALSE((*log)->find(entering(3), 9));
  CHECK((*log)->add({.options = entering(3), .windows = 9}).ok());
}

TEST_CASE("Trial set: a blind control is held and never among the best") {
  TrialSet trials;
  Setting blind = {.start = {.kind = StartKind::kRandom}, .steps = 3};
  Setting told = {.steps = 3};
  told.retrieval_weight = 1;
  told.mismatched_retrieval = true;
  for (const Setting& control : {blind, told}) {
    trials.add({.options = control, .windows = 20, .nfe = 3, .score = 0.1});
  }
  trials.add({.options = {.steps = 3}, .windows = 20, .nfe = 3, .score = 0.5});
  CHECK(trials.on(20).size() == 3);
  REQUIRE(trials.best({20, 3, false}, 5).size() == 1);
  CHECK(trials.best({20, 3, false}, 5)[0].score == 0.5);
}
