#include "storage/schema/schema.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "tests/support/series.h"

using namespace skipcast;
using namespace skipcast::storage;
using skipcast::tests::small_schema;

namespace {

bool mentions(const Status& status, const std::string& text) {
  return status.message().find(text) != std::string::npos;
}

Schema full_schema() {
  Schema schema = small_schema(2, 3);
  schema.title = "Zürich \"north\"";
  schema.variables[0] = {"PM2.5", "ug m-3", "fine dust", true, Codec::kZstd};
  schema.axis = {.start_s = from_civil(2019, 1, 2, 19'800),
                 .step_s = 600,
                 .session_states = 108,
                 .weekdays_only = true};
  schema.places.lat = {47.123456789012345, -0.0, 1e-300};
  schema.places.lon = {8.5, 8.6, -179.9};
  schema.places.adjacency = {0, 0.1f, 0, 1e-30f, 0, 0, 0, 0.3f, 1};
  schema.gap_states_max = 7;
  schema.tasks_json = R"([{"context":24,"name":"day"}])";
  return schema;
}

void check_equal(const Schema& a, const Schema& b) {
  CHECK(a.title == b.title);
  CHECK(a.axis == b.axis);
  CHECK(a.variables == b.variables);
  CHECK(a.places == b.places);
  CHECK(a.gap_states_max == b.gap_states_max);
  CHECK(a.tasks_json == b.tasks_json);
}

}  // namespace

TEST_CASE("Schema: JSON and back is the same graph schema, to the last bit") {
  const Schema schema = full_schema();
  REQUIRE(validate(schema).ok());
  const auto back = schema_from_json(to_json(schema), "x.json");
  REQUIRE_MESSAGE(back.ok(), back.status().message());
  check_equal(schema, *back);
  CHECK(to_json(*back) == to_json(schema));
}

TEST_CASE("Schema: JSON and back is the same grid schema with months") {
  Schema schema = small_schema(1, 0);
  schema.axis = {.start_s = from_civil(1948, 1, 1, 0), .step_months = 1};
  schema.places.kind = PlacesKind::kGrid;
  schema.places.lat = {-90, 0, 90};
  schema.places.lon = {0, 2.5};
  REQUIRE(validate(schema).ok());
  CHECK(schema.places.count() == 6);
  CHECK(schema.state_values() == 6);
  const auto back = schema_from_json(to_json(schema), "x.json");
  REQUIRE_MESSAGE(back.ok(), back.status().message());
  check_equal(schema, *back);
}

TEST_CASE("Schema: variables are found by name") {
  const Schema schema = full_schema();
  CHECK(schema.variable_index("v1") == 1);
  CHECK(schema.variable_index("pm2.5") == -1);
}

TEST_CASE("Schema: validate names the field and the position") {
  const auto wrong = [](auto change, const char* expected) {
    Schema schema = full_schema();
    change(schema);
    const Status status = validate(schema);
    CHECK_MESSAGE(status.code() == Code::kBadInput, expected);
    CHECK_MESSAGE(mentions(status, expected), status.message());
  };
  wrong([](Schema& s) { s.variables.clear(); }, "0 variables");
  wrong([](Schema& s) { s.variables.resize(5000); }, "5000 variables");
  wrong([](Schema& s) { s.variables[1].name = ""; }, "variable 1 has no name");
  wrong([](Schema& s) { s.variables[1].name = "PM2.5"; }, "variables 0 and 1");
  wrong([](Schema& s) { s.places.names[2] = "p0"; }, "places 0 and 2");
  wrong([](Schema& s) { s.places.names.clear(); }, "0 places");
  wrong([](Schema& s) { s.places.adjacency.pop_back(); }, "8 values");
  wrong([](Schema& s) { s.places.adjacency[5] = std::numeric_limits<float>::quiet_NaN(); },
        "adjacency[1, 2]");
  wrong([](Schema& s) { s.places.adjacency[6] = -1; }, "adjacency[2, 0]");
  wrong([](Schema& s) { s.places.lat.pop_back(); }, "2 latitudes and 3 longitudes");
  wrong([](Schema& s) { s.places.lon[1] = std::numeric_limits<double>::infinity(); }, "lon[1]");
  wrong([](Schema& s) { s.variables[0].units = "\xff"; }, "not UTF-8");
  wrong([](Schema& s) { s.title = "two\nlines"; }, "control character");
  wrong([](Schema& s) { s.title = std::string(2000, 'x'); }, "longer");
  Schema longest = full_schema();
  longest.title = std::string(1024, 'x');
  CHECK(validate(longest).ok());
  wrong([](Schema& s) { s.title = std::string(1025, 'x'); }, "longer");
  wrong([](Schema& s) { s.axis.step_s = 0; }, "step");
  wrong([](Schema& s) { s.gap_states_max = -1; }, "gap_states_max");
  wrong([](Schema& s) { s.tasks_json = "{}"; }, "array");
  wrong([](Schema& s) { s.tasks_json = "[1"; }, "array");
  wrong([](Schema& s) { s.places.kind = PlacesKind::kGrid; }, "names");
  wrong(
      [](Schema& s) {
        s.places = {.kind = PlacesKind::kGrid, .lat = {10, 5}, .lon = {1}};
      },
      "ascend");
  wrong(
      [](Schema& s) {
        s.places = {.kind = PlacesKind::kGrid};
        s.places.lat.resize(5000);
        for (int i = 0; i < 5000; ++i) s.places.lat[i] = i;
        s.places.lon.resize(5000);
      },
      "25000000 places");
}

TEST_CASE("Schema: damaged or foreign JSON is refused with the file's name") {
  const std::string good = to_json(full_schema());
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return schema_from_json(text.replace(at, from.size(), to), "dir/x.json").status();
  };
  CHECK(mentions(replaced("\"title\"", "\"titel\""), "unknown key 'titel'"));
  CHECK(mentions(replaced("\"axis\"", "\"title2\""), "dir/x.json"));
  CHECK(mentions(replaced("600", "\"600\""), "step_seconds"));
  CHECK(mentions(replaced("600", "6e300"), "step_seconds"));
  CHECK(mentions(replaced("\"zstd\"", "\"gzip\""), "gzip"));
  CHECK(mentions(replaced("\"graph\"", "\"mesh\""), "mesh"));
  CHECK(mentions(replaced("2019-01-02T05:30:00Z", "soon"), "soon"));
  CHECK(mentions(replaced("\"weekdays_only\": true", "\"weekdays_only\": 1"), "weekdays_only"));
  CHECK(mentions(replaced("\"from\": [\n    0", "\"from\": [\n    3"), "edge 0"));
  CHECK(mentions(replaced("\"from\": [\n    0,", "\"from\": [\n"), "one length"));
  CHECK(schema_from_json("", "x").status().code() == Code::kBadInput);
  CHECK(schema_from_json("[]", "x").status().code() == Code::kBadInput);
  CHECK(schema_from_json("{}", "x").status().code() == Code::kBadInput);
  CHECK(mentions(schema_from_json(std::string(100'000, '['), "x").status(), "deep"));
  for (size_t length = 0; length < good.size(); length += 7) {
    CHECK(!schema_from_json(good.substr(0, length), "x").ok());
  }
}

TEST_CASE("Places: a grid is cyclic when its even longitudes close the circle") {
  Places places = {.kind = PlacesKind::kGrid, .lat = {0, 10}};
  for (int i = 0; i < 240; ++i) places.lon.push_back(1.5 * i);
  CHECK(places.cyclic());
  std::reverse(places.lon.begin(), places.lon.end());
  CHECK(places.cyclic());
  places.lon.push_back(-1.5);  // the first column again
  CHECK_FALSE(places.cyclic());
  places.lon = {0, 90, 180, 269};
  CHECK_FALSE(places.cyclic());
  places.lon = {0, 1, 2, 3};
  CHECK_FALSE(places.cyclic());
  places.kind = PlacesKind::kGraph;
  places.lon = {0, 90, 180, 270};
  CHECK_FALSE(places.cyclic());
}

TEST_CASE("Places: cells of a grid weigh what their area is") {
  const Places places = {.kind = PlacesKind::kGrid, .lat = {-90, 0, 60, 90}, .lon = {0, 10}};
  const std::vector<double> weights = places.area_weights();
  REQUIRE(weights.size() == 8);
  double sum = 0;
  for (const double weight : weights) sum += weight;
  CHECK(sum == doctest::Approx(8));
  CHECK(weights[4] == doctest::Approx(weights[2] / 2));
  CHECK(weights[0] > 0);
  CHECK(weights[0] == weights[7]);
  CHECK(Places{.names = {"a", "b"}}.area_weights().empty());
}
