// skipcast train --finisher and --informed, and forecasts that use them.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/refusal.h"
#include "tests/support/trained_city.h"

namespace skipcast::tests {
namespace {

TEST_CASE("train --finisher: refused before, one evaluation after, tuned as any solver") {
  const TrainedCity city;
  CHECK(not_refused(city.forecast({"--solver", "finisher", "--steps", "1"}), 1,
                    {"finisher", "skipcast train", "--task tiny-6 --finisher"}) == "");
  const auto train = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"train", "city.skc", "--task", "tiny-6"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return city.tiny.skipcast(arguments);
  };
  CHECK(not_refused(train({"--finisher", "--resume"}), 2, {"--resume"}) == "");
  CHECK(not_refused(train({"--finisher", "--moments"}), 2, {"--moments", "--finisher"}) == "");
  CHECK(not_refused(train({"--finisher", "--key", "colour"}), 2, {"colour", "forecast"}) == "");
  CHECK(not_refused(train({"--finisher", "--evaluations", "9"}), 2, {"1 or 2", "9"}) == "");
  CHECK(not_refused(train({"--informed", "--no-retrieval"}), 2, {"retrieval"}) == "");
  const ProgramRun trained = train({"--finisher", "--steps", "20"});
  REQUIRE_MESSAGE(trained.exit_code == 0, trained.err);
  CHECK(trained.out.find("finisher network of tiny-6: 20 steps") != std::string::npos);
  const ProgramRun made = city.forecast({"--solver", "finisher", "--steps", "1"});
  CHECK_MESSAGE(made.exit_code == 0, made.err);
  CHECK(not_refused(city.forecast({"--retrieval-weight", "1"}), 1, {"--informed"}) == "");
  const ProgramRun informed = train({"--informed", "--steps", "10", "--json"});
  REQUIRE_MESSAGE(informed.exit_code == 0, informed.err);
  CHECK(informed.out.find("\"role\": \"informed\"") != std::string::npos);
  const ProgramRun told = city.forecast({"--retrieval-weight", "1"});
  CHECK_MESSAGE(told.exit_code == 0, told.err);
  const ProgramRun listed = city.tiny.skipcast({"inspect", "city.skc"});
  CHECK(listed.out.find("one-step") != std::string::npos);
}

}  // namespace
}  // namespace skipcast::tests
