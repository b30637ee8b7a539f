#include "storage/readers/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "storage/files/json_document.h"
#include "storage/formats/time_format.h"
#include "storage/readers/open_formats.h"
#include "storage/readers/recipe_fields.h"

namespace skipcast::storage {
namespace {

using Json = nlohmann::json;

constexpr int64_t kRecipeBytesMax = int64_t{16} << 20;
constexpr int kNestingMax = 64;

void read_missing(Fields& fields, Missing& missing) {
  const Json* value = fields.take_array("missing", "texts and numbers");
  if (!value) return;
  for (const Json& item : *value) {
    if (item.is_string()) {
      missing.texts.push_back(item.get<std::string>());
    } else if (item.is_number()) {
      missing.numbers.push_back(item.get<double>());
    } else {
      return fields.fail("missing", "holds something that is neither a text nor a number");
    }
  }
}

void read_time_names(Fields& fields, TimeRecipe& time) {
  std::string column;
  fields.text("column", column);
  fields.texts("columns", time.columns);
  time.parts = !time.columns.empty();
  if (!column.empty() && time.parts) fields.fail("column", "and \"columns\" exclude each other");
  if (!column.empty()) time.columns = {column};
  if (time.columns.size() > 6) fields.fail("columns", "has more than 6 parts (year to second)");
  fields.text("format", time.format);
  fields.text("units", time.units);
  if (!time.format.empty() && !time.units.empty()) {
    fields.fail("units", "and \"format\" exclude each other");
  }
  fields.text("array", time.array);
}

Status read_time(const Json& object, const std::string& file, TimeRecipe& time) {
  Fields fields(object, "time", file);
  read_time_names(fields, time);
  std::string start;
  fields.text("start", start);
  if (!start.empty()) {
    const Result<int64_t> parsed = parse_time(start);
    if (!parsed.ok()) fields.fail("start", "is no time: " + parsed.status().message());
    if (parsed.ok()) time.start_s = *parsed;
  }
  if (const Json* step = fields.take("step")) {
    const Status parsed =
        parse_step(step->is_string() ? step->get<std::string>() : step->dump(), time);
    if (!parsed.ok()) fields.fail("step", "is no step: " + parsed.message());
  }
  double offset_hours = 0;
  fields.number("utc_offset_hours", offset_hours);
  if (std::abs(offset_hours) > 26) fields.fail("utc_offset_hours", "is not within a day");
  time.utc_offset_s = std::llround(offset_hours * 3600);
  if (!time.format.empty()) {
    const Status format = check_time_format(time.format);
    if (!format.ok()) fields.fail("format", "cannot be used: " + format.message());
    if (has_offset(time.format) && time.utc_offset_s != 0) {
      fields.fail("utc_offset_hours", "stands beside a format whose %z says the offset; drop one");
    }
  }
  return fields.finish();
}

Status read_sessions(const Json& object, Recipe& recipe) {
  Fields fields(object, "sessions", recipe.path);
  int64_t states = 0;
  fields.count("states", states);
  fields.flag("weekdays_only", recipe.weekdays_only);
  if (states < 1 || states > 86400) fields.fail("states", "is not between 1 and 86400");
  recipe.session_states = static_cast<int32_t>(std::clamp<int64_t>(states, 0, 86400));
  return fields.finish();
}

Status read_places(const Json& object, const std::string& file, PlacesRecipe& places) {
  Fields fields(object, "places", file);
  fields.texts("names", places.names);
  fields.texts("columns", places.columns);
  fields.numbers("lat", places.lat);
  fields.numbers("lon", places.lon);
  fields.text("column", places.column);
  fields.text("array", places.array);
  fields.text("lat_array", places.lat_array);
  fields.text("lon_array", places.lon_array);
  fields.text("file", places.file);
  fields.text("name_column", places.name_column);
  fields.text("lat_column", places.lat_column);
  fields.text("lon_column", places.lon_column);
  fields.flag("first_column", places.first_column);
  fields.flag("grid", places.grid);
  const bool degrees = !places.lat_column.empty() || !places.lon_column.empty();
  if (degrees && places.name_column.empty()) {
    fields.fail("name_column", "is missing; \"lat_column\" and \"lon_column\" need it");
  }
  if (!places.name_column.empty() && places.file.empty()) {
    fields.fail("file", "is missing; it holds the \"name_column\"");
  }
  if (!places.grid && !places.names.empty()) {
    const auto wrong = [&](const std::vector<double>& axis) {
      return !axis.empty() && axis.size() != places.names.size();
    };
    if (wrong(places.lat)) fields.fail("lat", "has another length than \"names\"");
    if (wrong(places.lon)) fields.fail("lon", "has another length than \"names\"");
  }
  return fields.finish();
}

void read_codec(Fields& fields, Variable& variable) {
  std::string codec;
  fields.text("codec", codec);
  if (codec == "zstd")
    variable.codec = Codec::kZstd;
  else if (!codec.empty() && codec != "float32")
    fields.fail("codec", "is not float32 or zstd");
}

void read_categories(Fields& fields, VariableRecipe& variable) {
  const Json* map = fields.take("map");
  if (!map) return;
  if (!map->is_object() || map->empty()) return fields.fail("map", "is not an object text: number");
  for (const auto& [text, number] : map->items()) {
    if (!number.is_number()) return fields.fail("map", "gives something else than a number");
    variable.categories[text] = number.get<double>();
  }
}

Status read_variable(const Json& object, const std::string& where, const std::string& file,
                     VariableRecipe& variable) {
  Fields fields(object, where, file);
  Variable& stored = variable.variable;
  fields.text("name", stored.name);
  if (stored.name.empty()) fields.fail("name", "is missing");
  stored.units = "1";
  fields.text("units", stored.units);
  fields.text("long_name", stored.long_name);
  fields.flag("log", stored.log_transform);
  read_codec(fields, stored);
  fields.text("source", variable.source);
  fields.text("file", variable.file);
  int64_t index = -1;
  fields.count("index", index);
  if (index >= 0) variable.index = index;
  read_missing(fields, variable.missing);
  fields.number("scale", variable.scale);
  fields.number("offset", variable.offset);
  if (variable.scale == 0) fields.fail("scale", "is zero");
  read_categories(fields, variable);
  return fields.finish();
}

Status read_variables(Fields& fields, Recipe& recipe) {
  const Json* list = fields.take_array("variables", "objects");
  if (!list) return {};
  std::set<std::string> names;
  for (size_t k = 0; k < list->size(); ++k) {
    VariableRecipe variable;
    const std::string where = fmt::format("variables[{}]", k);
    SKIPCAST_TRY_OK(read_variable((*list)[k], where, recipe.path, variable));
    if (!names.insert(variable.variable.name).second) {
      return bad_input(fmt::format("{}: \"{}.name\" repeats '{}'; give every variable its own name",
                                   recipe.path, where, variable.variable.name));
    }
    recipe.variables.push_back(std::move(variable));
  }
  return {};
}

Status read_adjacency(const Json& object, const std::string& file, AdjacencyRecipe& adjacency) {
  Fields fields(object, "adjacency", file);
  fields.text("file", adjacency.file);
  fields.text("array", adjacency.array);
  if (adjacency.file.empty() && adjacency.array.empty()) {
    fields.fail("", "names neither a \"file\" nor an \"array\"");
  }
  return fields.finish();
}

void read_format(Fields& fields, Recipe& recipe) {
  std::string format, layout, separator;
  fields.text("format", format);
  recipe.format = format.empty() ? nullptr : find_format(format);
  if (!format.empty() && recipe.format == nullptr) {
    fields.fail("format", fmt::format("is none of {}", format_names()));
  }
  fields.text("layout", layout);
  if (layout == "long")
    recipe.layout = Layout::kLong;
  else if (layout == "transposed")
    recipe.layout = Layout::kTransposed;
  else if (!layout.empty() && layout != "wide") {
    fields.fail("layout", "is not wide, long or transposed");
  }
  fields.text("separator", separator);
  if (separator.size() > 1) fields.fail("separator", "is not one character");
  if (separator.size() == 1) recipe.separator = separator[0];
  bool header = true;
  if (fields.take("header")) {
    fields.flag("header", header);
    recipe.header = header;
  }
  fields.texts("files", recipe.files);
  fields.texts("dimensions", recipe.dimensions);
}

void read_tasks(Fields& fields, Recipe& recipe) {
  const Json* tasks = fields.take_array("tasks", "objects");
  if (!tasks) return;
  for (const Json& task : *tasks) {
    if (!task.is_object() || !task.contains("name") || !task["name"].is_string()) {
      return fields.fail("tasks", "holds something without a \"name\"");
    }
  }
  recipe.tasks_json = tasks->dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Combinations that no reader could follow.
Status check(const Recipe& recipe) {
  const TimeRecipe& time = recipe.time;
  const bool has_times = !time.columns.empty() || !time.array.empty();
  const auto fault = [&](const char* what) {
    return bad_input(fmt::format("{}: {}", recipe.path, what));
  };
  if (recipe.session_states > 0 && (!time.start_s || time.step_s == 0)) {
    return fault("\"sessions\" need \"time.start\" (first slot of a day) and \"time.step\"");
  }
  if (time.start_s && has_times && recipe.session_states == 0) {
    return fault("\"time.start\" is for inputs without times of their own; leave it out");
  }
  if (time.start_s && time.step_s == 0 && time.step_months == 0) {
    return fault("\"time.start\" needs \"time.step\"");
  }
  if (recipe.layout == Layout::kTransposed && (!time.start_s || has_times)) {
    return fault(
        "a transposed table needs \"time.start\" and \"time.step\" and has no time column");
  }
  return {};
}

Status read_recipe(const Json& json, Recipe& recipe) {
  Fields fields(json, "", recipe.path);
  fields.text("title", recipe.title);
  read_format(fields, recipe);
  fields.count("gap_states_max", recipe.gap_states_max);
  read_tasks(fields, recipe);
  SKIPCAST_TRY_OK(read_variables(fields, recipe));
  Missing everywhere;
  read_missing(fields, everywhere);
  for (VariableRecipe& variable : recipe.variables) {
    Missing& own = variable.missing;
    own.texts.insert(own.texts.end(), everywhere.texts.begin(), everywhere.texts.end());
    own.numbers.insert(own.numbers.end(), everywhere.numbers.begin(), everywhere.numbers.end());
  }
  if (const Json* time = fields.take("time")) {
    SKIPCAST_TRY_OK(read_time(*time, recipe.path, recipe.time));
  }
  if (const Json* sessions = fields.take("sessions")) {
    SKIPCAST_TRY_OK(read_sessions(*sessions, recipe));
  }
  if (const Json* places = fields.take("places")) {
    SKIPCAST_TRY_OK(read_places(*places, recipe.path, recipe.places));
  }
  if (const Json* adjacency = fields.take("adjacency")) {
    SKIPCAST_TRY_OK(read_adjacency(*adjacency, recipe.path, recipe.adjacency));
  }
  SKIPCAST_TRY_OK(fields.finish());
  return check(recipe);
}

}  // namespace

Status parse_step(std::string_view text, TimeRecipe& time) {
  int64_t number = 1;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit(rest, text.data() + text.size() - rest);
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  if (unit.size() > 1 && unit.back() == 's') unit.remove_suffix(1);
  static constexpr std::pair<std::string_view, int64_t> kUnits[] = {
      {"", 1},     {"s", 1},       {"sec", 1},   {"second", 1},  {"min", 60},     {"minute", 60},
      {"h", 3600}, {"hour", 3600}, {"d", 86400}, {"day", 86400}, {"week", 604800}};
  if (error == std::errc() || !unit.empty()) {
    const bool sane = number > 0 && number <= 1'000'000'000;
    const bool months = unit == "month" || unit == "year";
    for (const auto& [name, seconds] : kUnits) {
      if (sane && unit == name) time.step_s = number * seconds;
    }
    if (sane && months && number <= 1200) {
      time.step_months = static_cast<int32_t>(number) * (unit == "year" ? 12 : 1);
    }
    if (time.step_s > 0 || time.step_months > 0) return {};
  }
  return bad_input(fmt::format("'{}' is not a step such as \"10 min\", \"1 h\" or \"1 month\"",
                               text.substr(0, 40)));
}

Schema schema_of(const Recipe& recipe) {
  Schema schema;
  schema.title = recipe.title;
  schema.axis.start_s = recipe.time.start_s.value_or(0);
  schema.axis.step_s = recipe.time.step_s;
  schema.axis.step_months = recipe.time.step_months;
  schema.axis.session_states = recipe.session_states;
  schema.axis.weekdays_only = recipe.weekdays_only;
  for (const VariableRecipe& variable : recipe.variables) {
    schema.variables.push_back(variable.variable);
  }
  schema.gap_states_max = recipe.gap_states_max;
  schema.tasks_json = recipe.tasks_json;
  return schema;
}

Result<Recipe> parse_recipe(std::string_view text, const std::string& path) {
  Recipe recipe;
  recipe.path = path;
  if (json_depth(text) > kNestingMax) {
    return bad_input(path + ": brackets are nested deeper than 64 levels; this is no recipe");
  }
  JsonDocument document;
  try {
    document.parse(text);
    SKIPCAST_TRY_OK(read_recipe(document.value(), recipe));
  } catch (const Json::parse_error& error) {
    const size_t byte = std::min(error.byte, text.size());
    const auto line = 1 + std::count(text.begin(), text.begin() + byte, '\n');
    const size_t newline = byte == 0 ? std::string_view::npos : text.rfind('\n', byte - 1);
    const size_t column = newline == std::string_view::npos ? byte : byte - newline;
    return bad_input(
        fmt::format("{}, line {}, column {}: this is not JSON (a missing comma, quote or "
                    "bracket just before?)",
                    path, line, column));
  } catch (const Json::exception&) {
    return bad_input(path + ": the recipe holds a value that cannot be read (a number too large?)");
  }
  return recipe;
}

Result<Recipe> load_recipe(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return not_found(path + ": no such recipe; tools/recipes/ holds five of them");
  }
  const auto bytes = static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (error || bytes > kRecipeBytesMax)
    return bad_input(path + ": too large for a recipe (16 MiB)");
  std::ifstream file(path, std::ios::binary);
  std::string text(static_cast<size_t>(bytes), '\0');
  if (!file.read(text.data(), bytes)) return io_error(path + ": cannot be read; check its rights");
  return parse_recipe(text, path);
}

}  // namespace skipcast::storage
