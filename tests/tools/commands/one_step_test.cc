// skipcast distill and adapt, their earlier words, and forecasts that use the copies.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/refusal.h"
#include "tests/support/trained_city.h"

namespace skipcast::tests {
namespace {

using Words = std::vector<std::string>;

ProgramRun run(const TrainedCity& city, const std::string& verb, const Words& more) {
  Words words = {verb, "city.skc", "--task", "tiny-6"};
  words.insert(words.end(), more.begin(), more.end());
  return city.tiny.skipcast(words);
}

TEST_CASE("distill: refused before, one evaluation after, tuned as any solver") {
  const TrainedCity city;
  CHECK(not_refused(city.forecast({"--solver", "finisher", "--steps", "1"}), 1,
                    {"skipcast distill", "--task tiny-6"}) == "");
  CHECK(not_refused(run(city, "distill", {"--resume"}), 1, {"nothing to resume"}) == "");
  CHECK(not_refused(run(city, "distill", {"--method", "conditioned"}), 2, {"adapt", "one-step"}) ==
        "");
  CHECK(not_refused(run(city, "distill", {"--method", "magic"}), 2, {"magic", "one-step"}) == "");
  CHECK(not_refused(run(city, "distill", {"--key", "colour"}), 2, {"colour", "forecast"}) == "");
  CHECK(not_refused(run(city, "distill", {"--evaluations", "9"}), 2, {"1 or 2", "9"}) == "");
  CHECK(not_refused(run(city, "distill", {"--steps", "-1"}), 2, {"--steps"}) == "");
  const ProgramRun trained = run(city, "distill", {"--steps", "20"});
  REQUIRE_MESSAGE(trained.exit_code == 0, trained.err);
  CHECK(trained.out.find("one-step model of tiny-6: 20 steps") != std::string::npos);
  const ProgramRun made = city.forecast({"--solver", "finisher", "--steps", "1"});
  CHECK_MESSAGE(made.exit_code == 0, made.err);
}

TEST_CASE("adapt: refused before, retrieved futures count after") {
  const TrainedCity city;
  CHECK(not_refused(city.forecast({"--retrieval-weight", "1"}), 1, {"skipcast adapt"}) == "");
  const ProgramRun adapted = run(city, "adapt", {"--steps", "10", "--json"});
  REQUIRE_MESSAGE(adapted.exit_code == 0, adapted.err);
  const auto report = nlohmann::json::parse(adapted.out);
  CHECK(report["method"] == "conditioned");
  CHECK(report["steps"] == 10);
  CHECK(report["validation"][0]["with_retrieval"] > 0);
  const ProgramRun made = city.forecast({"--retrieval-weight", "1"});
  CHECK_MESSAGE(made.exit_code == 0, made.err);
}

TEST_CASE("train: --finisher and --informed still train copies, and name the new command") {
  const TrainedCity city;
  CHECK(not_refused(run(city, "train", {"--finisher", "--moments"}), 2,
                    {"--moments", "--finisher"}) == "");
  CHECK(not_refused(run(city, "train", {"--informed", "--no-retrieval"}), 2, {"retrieved"}) == "");
  const ProgramRun one_step = run(city, "train", {"--finisher", "--steps", "3", "--json"});
  REQUIRE_MESSAGE(one_step.exit_code == 0, one_step.err);
  CHECK(one_step.err.find("skipcast distill") != std::string::npos);
  CHECK(nlohmann::json::parse(one_step.out)["method"] == "one-step");
  const ProgramRun adapted = run(city, "train", {"--informed", "--steps", "3"});
  REQUIRE_MESSAGE(adapted.exit_code == 0, adapted.err);
  CHECK(adapted.err.find("skipcast adapt") != std::string::npos);
  CHECK(city.tiny.skipcast({"--help"}).out.find("train-encoder") == std::string::npos);
}

}  // namespace
}  // namespace skipcast::tests
