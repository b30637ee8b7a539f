// labels: unit slow
// skipcast compare: pairs are differences of the same forecasts, and wrong wishes are refused.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/refusal.h"
#include "tests/support/skip.h"
#include "tests/support/trained_city.h"

using namespace skipcast::tests;
using nlohmann::json;

namespace {

const TrainedCity& city() {
  static const TrainedCity made;
  return made;
}

ProgramRun compare(std::vector<std::string> words) {
  const std::vector<std::string> front = {"compare",   "city.skc", "--task",    "tiny-6",
                                          "--windows", "12",       "--members", "4"};
  words.insert(words.begin(), front.begin(), front.end());
  return city().tiny.skipcast(words);
}

}  // namespace

TEST_CASE("Compare: every pair both ways, and the difference is that of the scores") {
  const ProgramRun run = compare({"--presets", "dpm++-10,unipc-8,gencast-39", "--json"});
  REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  const json value = json::parse(run.out);
  CHECK(value.at("part") == "test");
  REQUIRE(value.at("rows").size() == 3);
  REQUIRE(value.at("pairs").size() == 6);
  const auto score = [&](const std::string& name) {
    for (const json& row : value.at("rows")) {
      if (row.at("name") == name) return row.at("normalised").at("crps_fair").get<double>();
    }
    return 0.0;
  };
  for (const json& pair : value.at("pairs")) {
    const double expected = score(pair.at("a")) - score(pair.at("b"));
    CHECK(pair.at("mean").get<double>() == doctest::Approx(expected).epsilon(1e-6));
    CHECK(pair.at("low").get<double>() <= pair.at("mean").get<double>());
    CHECK(pair.at("high").get<double>() >= pair.at("mean").get<double>());
  }
  CHECK(value.at("rows")[0].at("nfe") == 10);
  CHECK(value.at("rows")[2].at("nfe") == 39);
}

TEST_CASE("Compare: the table names each once per axis and says what it shows") {
  const ProgramRun run = compare({"--presets", "dpm++-10,unipc-8", "--metric", "variogram"});
  REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  CHECK(run.out.find("variogram: row minus column") != std::string::npos);
  CHECK(run.out.find("spread-skill") != std::string::npos);
  CHECK(run.out.find("12 windows, 4 members") != std::string::npos);
}

TEST_CASE("Compare: wrong wishes are refused in a sentence") {
  CHECK(not_refused(compare({}), 2, {"two or more"}) == "");
  CHECK(not_refused(compare({"--presets", "edm-35"}), 2, {"two or more"}) == "");
  CHECK(not_refused(compare({"--presets", "edm-35,edm-36"}), 2, {"edm-36", "gencast-39"}) == "");
  CHECK(not_refused(compare({"--policies", "none,other"}), 1, {"none", "skipcast tune"}) == "");
  CHECK(not_refused(compare({"--presets", "edm-35,unipc-8", "--metric", "mae"}), 2, {"mae"}) == "");
  CHECK(not_refused(compare({"--presets", "edm-35,unipc-8", "--split", "all"}), 2,
                    {"all", "validation"}) == "");
}
