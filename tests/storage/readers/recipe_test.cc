// labels: unit
#include "storage/readers/recipe.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/storage/readers/foreign_files.h"

using namespace skipcast;
using namespace skipcast::tests;
using storage::parse_recipe;
using storage::Recipe;

namespace {

void check_bad(const std::string& text, std::initializer_list<std::string> parts) {
  INFO(text);
  const auto recipe = parse_recipe(text, "r.json");
  check_failure(recipe.status(), Code::kBadInput, {"r.json"});
  check_failure(recipe.status(), Code::kBadInput, parts);
}

storage::TimeRecipe step(const std::string& text) {
  storage::TimeRecipe time;
  REQUIRE(storage::parse_step(text, time).ok());
  return time;
}

}  // namespace

TEST_CASE("Recipe: every key arrives") {
  const auto parsed = parse_recipe(R"({
    "comment": "free text", "title": "T", "format": "csv", "layout": "transposed",
    "files": ["a*.csv"], "separator": ";", "header": true,
    "time": {"start": "2016-02-29T05:00", "step": "10 min", "utc_offset_hours": -1.5},
    "sessions": {"states": 108, "weekdays_only": true},
    "places": {"names": ["a", "b"], "lat": [1, 2], "lon": [3, 4]},
    "variables": [{"name": "v", "units": "K", "long_name": "L", "log": true, "codec": "zstd",
                   "source": "s", "file": "f", "index": 3, "missing": ["x", -9], "scale": 2,
                   "offset": 1, "map": {"N": 0.5}}],
    "missing": ["NA", 0.0], "dimensions": ["time", "place"],
    "adjacency": {"file": "m", "array": "x"},
    "gap_states_max": 7, "tasks": [{"name": "t", "deep": {"x": [1]}}]})",
                                   "r.json");
  REQUIRE(parsed.ok());
  const Recipe& recipe = *parsed;
  CHECK(recipe.layout == storage::Layout::kTransposed);
  CHECK(recipe.separator == ';');
  CHECK(recipe.header.value_or(false));
  CHECK(recipe.time.start_s == 1456722000);
  CHECK(recipe.time.utc_offset_s == -5400);
  CHECK(recipe.session_states == 108);
  const storage::VariableRecipe& variable = recipe.variables.at(0);
  CHECK(variable.variable.codec == storage::Codec::kZstd);
  CHECK(variable.missing.texts == std::vector<std::string>{"x", "NA"});
  CHECK(variable.missing.numbers == std::vector<double>{-9, 0});
  CHECK(variable.index == 3);
  CHECK(variable.categories.at("N") == 0.5);
  CHECK(recipe.tasks_json == R"([{"deep":{"x":[1]},"name":"t"}])");
  const storage::Schema schema = schema_of(recipe);
  CHECK(schema.axis.step_s == 600);
  CHECK(schema.axis.weekdays_only);
  CHECK(schema.gap_states_max == 7);
  CHECK(schema.variables.at(0) == variable.variable);
}

TEST_CASE("Recipe: steps in seconds and calendar months") {
  CHECK(step("10 min").step_s == 600);
  CHECK(step("6h").step_s == 21600);
  CHECK(step("2 days").step_s == 172800);
  CHECK(step("3600").step_s == 3600);
  CHECK(step("hour").step_s == 3600);
  CHECK(step("1 month").step_months == 1);
  CHECK(step("2 years").step_months == 24);
  for (const char* text : {"", "0 h", "-1 h", "1.5 h", "h 1", "1 fortnight", "99999999999 d"}) {
    storage::TimeRecipe time;
    INFO(text);
    check_failure(storage::parse_step(text, time), Code::kBadInput, {"10 min"});
  }
}

TEST_CASE("Bad recipe: broken JSON names line and column") {
  check_bad("{\n  \"title\": \"x\"\n  \"format\": \"csv\"}", {"line 3, column 1", "JSON"});
  check_bad("", {"line 1"});
  check_bad("[1, 2]", {"object"});
  check_bad(std::string(100, '[') + std::string(100, ']'), {"64 levels"});
  check_bad(R"({"gap_states_max": 1e999})", {"number"});
}

TEST_CASE("Bad recipe: unknown keys and wrong types name the key") {
  check_bad(R"({"tittle": "x"})", {"\"tittle\"", "not a key", "recipe.h"});
  check_bad(R"({"variables": [{"name": "a"}, {"name": "b", "unit": "K"}]})", {"variables[1].unit"});
  check_bad(R"({"variables": [{"units": "K"}]})", {"variables[0].name", "missing"});
  check_bad(R"({"variables": [{"name": "a"}, {"name": "a"}]})", {"variables[1].name", "'a'"});
  check_bad(R"({"variables": [{"name": "a", "scale": "x"}]})", {"variables[0].scale", "number"});
  check_bad(R"({"variables": [{"name": "a", "scale": 0}]})", {"variables[0].scale", "zero"});
  check_bad(R"({"variables": [{"name": "a", "codec": "gzip"}]})", {"codec", "zstd"});
  check_bad(R"({"variables": [{"name": "a", "index": -1}]})", {"index", "whole number"});
  check_bad(R"({"variables": [{"name": "a", "map": {"N": "x"}}]})", {"map", "number"});
  check_bad(R"({"variables": {"name": "a"}})", {"variables", "list"});
  check_bad(R"({"format": "xml"})", {"format", "netcdf"});
  check_bad(R"({"layout": "tall"})", {"layout", "transposed"});
  check_bad(R"({"separator": "::"})", {"separator"});
  check_bad(R"({"missing": [true]})", {"missing"});
  check_bad(R"({"tasks": [{"title": "x"}]})", {"tasks", "name"});
  check_bad(R"({"gap_states_max": -3})", {"gap_states_max"});
  check_bad(R"({"adjacency": {}})", {"adjacency", "array"});
  check_bad(R"({"adjacency": "adj.csv"})", {"\"adjacency\"", "not an object"});
  check_bad(R"({"title": 5})", {"\"title\"", "text in quotes"});
  check_bad(R"({"files": [1]})", {"\"files\"", "list of texts"});
  check_bad(R"({"header": "no"})", {"\"header\"", "true nor false"});
  check_bad(R"({"places": {"lat": ["north"]}})", {"places.lat", "list of numbers"});
  check_bad(R"({"places": {"names": ["a"], "lon": [1, 2]}})", {"places.lon", "length"});
  check_bad(R"({"variables": [{"name": "a", "map": {}}]})", {"variables[0].map", "text: number"});
  check_bad(R"({"places": {"names": ["a"], "lat": [1, 2]}})", {"places.lat", "length"});
}

TEST_CASE("Bad recipe: times that contradict each other") {
  check_bad(R"({"time": {"start": "soon", "step": "1 h"}})", {"time.start", "soon"});
  check_bad(R"({"time": {"start": "2016-01-01"}})", {"time.step"});
  check_bad(R"({"time": {"column": "t", "columns": ["y"]}})", {"column"});
  check_bad(R"({"time": {"column": "t", "format": "%Y %Z"}})", {"time.format", "%z"});
  check_bad(R"({"time": {"column": "t", "format": "%Y %z", "utc_offset_hours": 1}})",
            {"time.utc_offset_hours", "%z"});
  check_bad(R"({"time": {"column": "t", "format": "%Y", "units": "days since 2016-01-01"}})",
            {"time.units", "\"format\""});
  check_bad(R"({"time": {"utc_offset_hours": 27}})", {"time.utc_offset_hours", "within a day"});
  check_bad(R"({"time": {"step": [1]}})", {"time.step", "[1]"});
  check_bad(R"({"time": {"column": "t", "start": "2016-01-01", "step": "1 h"}})", {"time.start"});
  check_bad(R"({"layout": "transposed", "time": {"step": "1 h"}})", {"transposed", "time.start"});
  check_bad(R"({"sessions": {"states": 5}})", {"sessions", "time.start"});
  check_bad(R"({"time": {"start": "2016-01-01", "step": "1 h"}, "sessions": {"states": 0}})",
            {"sessions.states"});
}

TEST_CASE("Recipe: the standard ones parse and hold their tasks") {
  const char* source = std::getenv("SKIPCAST_SOURCE_DIR");
  const std::filesystem::path folder =
      std::filesystem::path(source ? source : ".") / "tools/recipes";
  const std::map<std::string, std::vector<std::string>> tasks = {
      {"beijing", {"beijing-12", "beijing-24"}},
      {"metr", {"metr-12"}},
      {"ncep", {"ncep-8"}},
      {"subway", {"subway-12"}}};
  for (const auto& [name, wanted] : tasks) {
    const auto recipe = storage::load_recipe((folder / (name + ".json")).string());
    INFO(recipe.status().message());
    REQUIRE(recipe.ok());
    for (const std::string& task : wanted) {
      CHECK(recipe->tasks_json.find("\"name\":\"" + task + "\"") != std::string::npos);
    }
  }
  check_failure(storage::load_recipe("/nowhere/r.json").status(), Code::kNotFound,
                {"/nowhere/r.json"});
}
