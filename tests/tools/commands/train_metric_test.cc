// skipcast train-metric, and --key metric before, after and beside a retrained model.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/refusal.h"
#include "tests/support/trained_city.h"

namespace skipcast::tests {
namespace {

const std::vector<std::string> kTrain = {"train-metric", "city.skc", "--task",
                                         "tiny-6",       "--steps",  "20"};

TEST_CASE("train-metric: --key metric is refused before, forecasts after, and is verified") {
  const TrainedCity city;
  CHECK(not_refused(city.forecast({"--key", "metric"}), 1,
                    {"no learned metric yet", "skipcast train-metric", "--task tiny-6"}) == "");
  CHECK(not_refused(
            city.tiny.skipcast({"train-metric", "city.skc", "--task", "tiny-6", "--steps", "-1"}),
            2, {"--steps"}) == "");
  std::vector<std::string> words = kTrain;
  words.push_back("--json");
  const ProgramRun trained = city.tiny.skipcast(words);
  REQUIRE_MESSAGE(trained.exit_code == 0, trained.err);
  const auto report = nlohmann::json::parse(trained.out);
  CHECK(report["steps"] == 20);
  CHECK(report["windows_per_second"] > 0);
  for (const char* key : {"context", "forecast", "learned"}) {
    CHECK(report[key]["crps_fair"] > 0);
    CHECK(report[key]["rank_correlation"] > 0);
  }
  const ProgramRun made = city.forecast({"--key", "metric"});
  CHECK_MESSAGE(made.exit_code == 0, made.err);
  const ProgramRun scored = city.tiny.skipcast(
      {"evaluate", "city.skc", "--task", "tiny-6", "--windows", "4", "--starts", "analog", "--keys",
       "context,forecast,metric", "--baselines", "--no-reference"});
  CHECK_MESSAGE(scored.exit_code == 0, scored.err);
  CHECK(scored.out.find("analogs raw, metric") != std::string::npos);
  const ProgramRun verified = city.tiny.skipcast({"verify", "city.skc", "--deep"});
  CHECK_MESSAGE(verified.exit_code == 0, verified.out);
  CHECK(verified.out.find("learned metric of tiny-6") != std::string::npos);
  CHECK(verified.out.find("tiny-6.metric.skx, deep") != std::string::npos);
  const ProgramRun saved = city.tiny.skipcast({"backup", "city.skc", "copy.skc"});
  CHECK_MESSAGE(saved.exit_code == 0, saved.err);
  const std::string file = "/models/tiny-6.metric.safetensors";
  CHECK(std::filesystem::exists(city.tiny.folder + "/copy.skc" + file));
}

TEST_CASE("train-metric: a damaged metric is named, not believed; a new model has none") {
  const TrainedCity city;
  REQUIRE(city.tiny.skipcast(kTrain).exit_code == 0);
  const std::string path = city.tiny.folder + "/city.skc/models/tiny-6.metric.safetensors";
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-2, std::ios::end);
  file.put('\x55');
  file.close();
  CHECK(not_refused(city.forecast({"--key", "metric"}), 1, {"tiny-6.metric.safetensors"}) == "");
  const ProgramRun verified = city.tiny.skipcast({"verify", "city.skc"});
  CHECK(verified.exit_code == 1);
  CHECK(verified.out.find("train-metric") != std::string::npos);
  REQUIRE(city.tiny.skipcast(kTrain).exit_code == 0);
  REQUIRE(city.tiny.skipcast({"train", "city.skc", "--task", "tiny-6", "--steps", "7"}).exit_code ==
          0);
  CHECK(not_refused(city.forecast({"--key", "metric"}), 1,
                    {"another model", "skipcast train-metric"}) == "");
  CHECK(city.tiny.skipcast({"verify", "city.skc"}).exit_code == 0);
}

TEST_CASE("train-encoder: the earlier word still trains the metric, and names the new one") {
  const TrainedCity city;
  const ProgramRun trained =
      city.tiny.skipcast({"train-encoder", "city.skc", "--task", "tiny-6", "--steps", "3"});
  CHECK_MESSAGE(trained.exit_code == 0, trained.err);
  CHECK(trained.err.find("skipcast train-metric") != std::string::npos);
  CHECK(trained.out.find("learned metric of tiny-6: 3 steps") != std::string::npos);
}

}  // namespace
}  // namespace skipcast::tests
