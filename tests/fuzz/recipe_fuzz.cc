// Recipes: the input is the text.
#include <cmath>
#include <set>

#include "storage/readers/recipe.h"
#include "tests/fuzz/target.h"

namespace skipcast::fuzz {
namespace {

using namespace skipcast::storage;

void check_variable(const VariableRecipe& variable) {
  SKIPCAST_CHECK(!variable.variable.name.empty());
  SKIPCAST_CHECK(std::isfinite(variable.scale) && variable.scale != 0);
  SKIPCAST_CHECK(std::isfinite(variable.offset));
  SKIPCAST_CHECK(!variable.index || *variable.index >= 0);
  for (const double number : variable.missing.numbers) SKIPCAST_CHECK(std::isfinite(number));
  for (const auto& [text, number] : variable.categories) SKIPCAST_CHECK(std::isfinite(number));
}

void check_recipe(const Recipe& recipe) {
  std::set<std::string> names;
  for (const VariableRecipe& variable : recipe.variables) {
    check_variable(variable);
    SKIPCAST_CHECK(names.insert(variable.variable.name).second);
  }
  SKIPCAST_CHECK(recipe.time.columns.size() <= 6);
  SKIPCAST_CHECK(recipe.time.step_s >= 0 && recipe.time.step_months >= 0);
  SKIPCAST_CHECK(recipe.time.step_s == 0 || recipe.time.step_months == 0);
  SKIPCAST_CHECK(std::abs(recipe.time.utc_offset_s) <= 26 * 3600);
  SKIPCAST_CHECK(recipe.session_states >= 0 && recipe.session_states <= 86400);
  SKIPCAST_CHECK(recipe.gap_states_max >= 0);
  SKIPCAST_CHECK(schema_of(recipe).variables.size() == recipe.variables.size());
}

}  // namespace

void check_input(std::string_view input) {
  const Result<Recipe> recipe = parse_recipe(input, "r.json");
  if (!recipe.ok()) return check_refusal(recipe.status(), "r.json");
  check_recipe(*recipe);
}

std::vector<std::string> seed_inputs() {
  return {R"({"title": "T", "format": "csv", "layout": "long", "files": ["a*"],
    "time": {"columns": ["year", "month"], "step": "10 min", "utc_offset_hours": 8},
    "places": {"column": "s", "names": ["a", "b"], "lat": [1, 2], "lon": [3, 4]},
    "variables": [{"name": "v", "units": "K", "log": true, "scale": 0.1, "missing": ["x", -9],
                   "map": {"N": 0.5, "S": -1}, "index": 2, "codec": "zstd"}],
    "adjacency": {"file": "m.npz", "array": "adj"}, "gap_states_max": 7, "missing": ["NA"],
    "tasks": [{"name": "t", "split": [0.6, 0.2, 0.2]}]})",
          R"({"format": "npz", "time": {"array": "t", "units": "hours since 2013-01-01"},
    "places": {"grid": true, "lat_array": "lat", "lon_array": "lon"},
    "variables": [{"name": "v"}], "dimensions": ["time", "lat", "lon"]})",
          R"({"format": "csv", "layout": "transposed", "separator": ";", "header": false,
    "time": {"start": "2016-01-01", "step": "1 month"}, "sessions": {"states": 4,
    "weekdays_only": true}, "places": {"first_column": true}, "variables": [{"name": "v"}]})",
          R"({"format": "netcdf", "variables": [{"name": "air", "long_name": "a"}]})"};
}

}  // namespace skipcast::fuzz
