// labels: unit slow
// Models and policies that are not this one's, and windows that a calendar break cuts.
#include <doctest/doctest.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/refusal.h"
#include "tests/support/trained_city.h"

using namespace skipcast::tests;

namespace {

// Sixty days of twelve hours, 08:00 to 19:00: a metro that sleeps.
const char* const kSessionRecipe = R"({"title": "Tiny metro", "format": "csv",
 "layout": "transposed", "places": {"first_column": true},
 "time": {"start": "2020-01-06T08", "step": "1 h"}, "sessions": {"states": 12},
 "variables": [{"name": "riders", "units": "1"}],
 "tasks": [{"name": "ride-4", "variables": ["riders"], "context_states": 4, "future_states": 4,
   "network": {"width": 16, "context_blocks": 1, "blocks": 1, "heads": 2},
   "training": {"minutes": 0, "steps_max": 20, "batch": 16, "warmup_steps": 5,
                "validation_windows": 8, "validations": 1}}]}
)";

std::string session_csv() {
  const std::vector<float> values = synthetic_values({.states = 720, .places = 2});
  std::string text;
  for (size_t place = 0; place < 2; ++place) {
    text += place == 0 ? "Old Town" : "Harbour";
    for (size_t t = 0; t < 720; ++t) text += "," + std::to_string(values[t * 2 + place]);
    text += "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("Break: no forecast whose window a calendar break cuts, nor between sessions") {
  const TempDir folder;
  const TinyCity tiny(folder.path());
  write_file(folder.file("metro.json"), kSessionRecipe);
  write_file(folder.file("metro.csv"), session_csv());
  const ProgramRun ingested =
      tiny.skipcast({"ingest", "metro.skc", "--recipe", "metro.json", "metro.csv"});
  REQUIRE_MESSAGE(ingested.exit_code == 0, ingested.err);
  const ProgramRun trained = tiny.skipcast({"train", "metro.skc", "--task", "ride-4"});
  REQUIRE_MESSAGE(trained.exit_code == 0, trained.err);
  const auto forecast = [&tiny](const std::string& at) {
    return tiny.skipcast({"forecast", "metro.skc", "--task", "ride-4", "--members", "2", "--plot",
                          "f.png", "--at", at});
  };
  const ProgramRun inside = forecast("2020-02-26T12");
  CHECK_MESSAGE(inside.exit_code == 0, inside.err);
  CHECK(not_refused(forecast("2020-02-26T09"), 1, {"2020-02-26T09"}) == "");
  CHECK(not_refused(forecast("2020-02-26T18"), 1, {"2020-02-26T18"}) == "");
  CHECK(not_refused(forecast("2020-02-26T22"), 1, {"2020-02-26T22"}) == "");
}

TEST_CASE("Policy: one made for another model is refused with the remedy") {
  const TrainedCity city;
  const ProgramRun tuned =
      city.tiny.skipcast({"tune", "city.skc", "--task", "tiny-6", "--windows", "8", "--members",
                          "2", "--max-nfe", "2", "--budget-minutes", "0.05", "--name", "old"});
  REQUIRE_MESSAGE(tuned.exit_code == 0, tuned.err);
  CHECK(city.forecast({"--policy", "old", "--members", "2"}).exit_code == 0);
  REQUIRE(
      city.tiny.skipcast({"train", "city.skc", "--task", "tiny-6", "--steps", "60"}).exit_code ==
      0);
  CHECK(not_refused(city.forecast({"--policy", "old", "--members", "2"}), 1,
                    {"old", "model", "skipcast tune"}) == "");
  CHECK(not_refused(city.forecast({"--policy", "odl", "--members", "2"}), 1, {"odl", "old"}) == "");
}

TEST_CASE("Model: a description from a newer version, or edited, is not believed") {
  const TrainedCity city;
  const std::string path = city.folder.file("city.skc/models/tiny-6.json");
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const size_t at = text.find("\"version\": 1");
  REQUIRE(at != std::string::npos);
  write_file(path, text.replace(at, 12, "\"version\": 9"));
  CHECK(not_refused(city.forecast({"--members", "2"}), 1, {"tiny-6.json"}) == "");
}
