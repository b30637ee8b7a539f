// skipcast train --moments, and the solver that needs it.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/refusal.h"
#include "tests/support/trained_city.h"

namespace skipcast::tests {
namespace {

TEST_CASE("train --moments: gms is refused before and forecasts after") {
  const TrainedCity city;
  CHECK(not_refused(city.forecast({"--solver", "gms", "--start", "cold"}), 1,
                    {"gms", "skipcast train", "--task tiny-6 --moments"}) == "");
  CHECK(not_refused(
            city.tiny.skipcast({"train", "city.skc", "--task", "tiny-6", "--moments", "--resume"}),
            1, {"nothing to resume"}) == "");
  const ProgramRun trained =
      city.tiny.skipcast({"train", "city.skc", "--task", "tiny-6", "--moments", "--steps", "30"});
  REQUIRE_MESSAGE(trained.exit_code == 0, trained.err);
  CHECK(trained.out.find("moment heads of tiny-6: 30 steps") != std::string::npos);
  const ProgramRun made = city.forecast({"--solver", "gms", "--start", "cold"});
  CHECK_MESSAGE(made.exit_code == 0, made.err);
  CHECK(not_refused(city.forecast({"--solver", "gms", "--exit-tolerance", "0.1"}), 2,
                    {"--exit-tolerance"}) == "");
}

}  // namespace
}  // namespace skipcast::tests
