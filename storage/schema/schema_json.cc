// Schema <-> JSON. The text is part of format version 1 (CONFIG.json, key "schema"):
//   {"title", "axis": {"start", "step_seconds" | "step_months", "session_states", "weekdays_only"},
//    "variables": [{"name", "units", "long_name", "log_transform", "codec": "float32" | "zstd"}],
//    "places": {"kind": "graph" | "grid", "names", "lat", "lon",
//               "edges": {"from": [], "to": [], "weight": []}},   // nonzero adjacency entries
//    "gap_states_max", "tasks": [...]}
// Keys that hold a default may be absent; keys not listed here are errors.
#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>

#include "storage/files/json_document.h"
#include "storage/schema/schema.h"

namespace skipcast::storage {
namespace {

using nlohmann::json;

constexpr int kDepthMax = 32;

json edges_to_json(const Places& places) {
  const auto n = static_cast<int64_t>(places.names.size());
  json from = json::array(), to = json::array(), weight = json::array();
  for (int64_t i = 0; i < n * n; ++i) {
    if (places.adjacency[i] == 0) continue;
    from.push_back(i / n);
    to.push_back(i % n);
    weight.push_back(places.adjacency[i]);
  }
  return {{"from", from}, {"to", to}, {"weight", weight}};
}

json places_to_json(const Places& places) {
  json out{{"kind", places.kind == PlacesKind::kGrid ? "grid" : "graph"}};
  if (!places.names.empty()) out["names"] = places.names;
  if (!places.lat.empty()) out["lat"] = places.lat;
  if (!places.lon.empty()) out["lon"] = places.lon;
  if (!places.adjacency.empty()) out["edges"] = edges_to_json(places);
  return out;
}

json axis_to_json(const TimeAxis& axis) {
  json out{{"start", format_time(axis.start_s)}};
  if (axis.step_s > 0) out["step_seconds"] = axis.step_s;
  if (axis.step_months > 0) out["step_months"] = axis.step_months;
  if (axis.session_states > 0) out["session_states"] = axis.session_states;
  if (axis.weekdays_only) out["weekdays_only"] = true;
  return out;
}

json variable_to_json(const Variable& variable) {
  json out{{"name", variable.name}, {"units", variable.units}};
  if (!variable.long_name.empty()) out["long_name"] = variable.long_name;
  if (variable.log_transform) out["log_transform"] = true;
  out["codec"] = variable.codec == Codec::kZstd ? "zstd" : "float32";
  return out;
}

// Reads the members of one JSON object; remembers the first thing that is wrong.
class ObjectReader {
 public:
  ObjectReader(const json& object, std::string where, std::initializer_list<const char*> keys)
      : object_(object), where_(std::move(where)) {
    if (!object.is_object()) {
      fail("must be a JSON object");
      return;
    }
    for (const auto& [key, value] : object.items()) {
      const bool known = std::any_of(
          keys.begin(), keys.end(), [&name = key](const char* allowed) { return name == allowed; });
      if (!known) fail(fmt::format("has an unknown key '{}'", key));
    }
  }

  const json* find(const char* key, bool required) {
    if (!status_.ok()) return nullptr;
    const auto member = object_.find(key);
    if (member != object_.end()) return &*member;
    if (required) fail(fmt::format("lacks the key '{}'", key));
    return nullptr;
  }
  void text(const char* key, std::string& out, bool required) {
    const json* member = find(key, required);
    if (!member) return;
    if (!member->is_string()) return fail(fmt::format("key '{}' must be a text", key));
    out = member->get<std::string>();
  }
  template <typename T>
  void integer(const char* key, T& out) {
    const json* member = find(key, false);
    if (!member) return;
    const bool small = member->is_number_unsigned()
                           ? member->get<uint64_t>() <= uint64_t(std::numeric_limits<T>::max())
                           : member->is_number_integer() &&
                                 member->get<int64_t>() >= int64_t(std::numeric_limits<T>::min());
    if (!small) return fail(fmt::format("key '{}' must be a whole number of moderate size", key));
    out = member->get<T>();
  }
  void flag(const char* key, bool& out) {
    const json* member = find(key, false);
    if (!member) return;
    if (!member->is_boolean()) return fail(fmt::format("key '{}' must be true or false", key));
    out = member->get<bool>();
  }
  template <typename T>
  void numbers(const char* key, std::vector<T>& out) {
    const json* member = find(key, false);
    if (!member) return;
    const auto fits = [](const json& value) {
      return std::is_integral_v<T> ? value.is_number_integer() : value.is_number();
    };
    const bool good = member->is_array() && std::all_of(member->begin(), member->end(), fits);
    if (!good) return fail(fmt::format("key '{}' must be a list of numbers", key));
    out = member->get<std::vector<T>>();
  }
  void texts(const char* key, std::vector<std::string>& out) {
    const json* member = find(key, false);
    if (!member) return;
    const bool good = member->is_array() && std::all_of(member->begin(), member->end(),
                                                        [](auto& v) { return v.is_string(); });
    if (!good) return fail(fmt::format("key '{}' must be a list of texts", key));
    out = member->get<std::vector<std::string>>();
  }
  void fail(const std::string& what) {
    if (status_.ok()) status_ = bad_input(fmt::format("{} {}", where_, what));
  }
  const Status& status() const { return status_; }

 private:
  const json& object_;
  std::string where_;
  Status status_;
};

Status axis_from_json(const json& object, const std::string& where, TimeAxis& axis) {
  ObjectReader reader(object, where + ": axis",
                      {"start", "step_seconds", "step_months", "session_states", "weekdays_only"});
  std::string start;
  reader.text("start", start, true);
  reader.integer("step_seconds", axis.step_s);
  reader.integer("step_months", axis.step_months);
  reader.integer("session_states", axis.session_states);
  reader.flag("weekdays_only", axis.weekdays_only);
  SKIPCAST_TRY_OK(reader.status());
  const Result<int64_t> time = parse_time(start);
  if (!time.ok()) reader.fail("start: " + time.status().message());
  if (time.ok()) axis.start_s = *time;
  return reader.status();
}

Status variable_from_json(const json& object, const std::string& where, Variable& variable) {
  ObjectReader reader(object, where, {"name", "units", "long_name", "log_transform", "codec"});
  std::string codec = "float32";
  reader.text("name", variable.name, true);
  reader.text("units", variable.units, true);
  reader.text("long_name", variable.long_name, false);
  reader.flag("log_transform", variable.log_transform);
  reader.text("codec", codec, false);
  if (codec != "float32" && codec != "zstd") {
    reader.fail(fmt::format("key 'codec' is '{}'; use float32 or zstd", codec));
  }
  variable.codec = codec == "zstd" ? Codec::kZstd : Codec::kFloat32;
  return reader.status();
}

Status edges_from_json(const json& object, const std::string& where, Places& places) {
  ObjectReader reader(object, where + ": edges", {"from", "to", "weight"});
  std::vector<int64_t> from, to;
  std::vector<float> weight;
  reader.numbers("from", from);
  reader.numbers("to", to);
  reader.numbers("weight", weight);
  if (from.size() != to.size() || from.size() != weight.size()) {
    reader.fail("needs lists 'from', 'to' and 'weight' of one length");
  }
  SKIPCAST_TRY_OK(reader.status());
  const auto n = static_cast<int64_t>(places.names.size());
  if (n > 16'384) return bad_input(where + ": too many places for an adjacency");
  places.adjacency.assign(static_cast<size_t>(n * n), 0.0f);
  for (size_t i = 0; i < from.size(); ++i) {
    if (from[i] < 0 || from[i] >= n || to[i] < 0 || to[i] >= n) {
      return bad_input(fmt::format("{}: edge {} joins places {} and {}; there are {}", where, i,
                                   from[i], to[i], n));
    }
    places.adjacency[from[i] * n + to[i]] = weight[i];
  }
  return Status();
}

Status places_from_json(const json& object, const std::string& where, Places& places) {
  ObjectReader reader(object, where + ": places", {"kind", "names", "lat", "lon", "edges"});
  std::string kind;
  reader.text("kind", kind, true);
  reader.texts("names", places.names);
  reader.numbers("lat", places.lat);
  reader.numbers("lon", places.lon);
  if (reader.status().ok() && kind != "graph" && kind != "grid") {
    reader.fail(fmt::format("key 'kind' is '{}'; use graph or grid", kind));
  }
  places.kind = kind == "grid" ? PlacesKind::kGrid : PlacesKind::kGraph;
  const json* edges = reader.find("edges", false);
  SKIPCAST_TRY_OK(reader.status());
  return edges ? edges_from_json(*edges, where, places) : Status();
}

Status schema_members(const json& object, const std::string& where, Schema& schema) {
  ObjectReader reader(object, where,
                      {"title", "axis", "variables", "places", "gap_states_max", "tasks"});
  reader.text("title", schema.title, false);
  reader.integer("gap_states_max", schema.gap_states_max);
  const json* axis = reader.find("axis", true);
  const json* variables = reader.find("variables", true);
  const json* places = reader.find("places", true);
  if (const json* tasks = reader.find("tasks", false)) {
    if (!tasks->is_array()) reader.fail("key 'tasks' must be a list");
    schema.tasks_json = tasks->dump();
  }
  SKIPCAST_TRY_OK(reader.status());
  SKIPCAST_TRY_OK(axis_from_json(*axis, where, schema.axis));
  if (!variables->is_array()) return bad_input(where + ": key 'variables' must be a list");
  for (const json& object : *variables) {
    const auto name = fmt::format("{}: variables[{}]", where, schema.variables.size());
    SKIPCAST_TRY_OK(variable_from_json(object, name, schema.variables.emplace_back()));
  }
  return places_from_json(*places, where, schema.places);
}

}  // namespace

std::string to_json(const Schema& schema) {
  json variables = json::array();
  for (const Variable& variable : schema.variables) {
    variables.push_back(variable_to_json(variable));
  }
  const json tasks = json::parse(schema.tasks_json, nullptr, false);
  const json out{{"title", schema.title},
                 {"axis", axis_to_json(schema.axis)},
                 {"variables", variables},
                 {"places", places_to_json(schema.places)},
                 {"gap_states_max", schema.gap_states_max},
                 {"tasks", tasks.is_array() ? tasks : json::array()}};
  return out.dump(1, ' ', false, json::error_handler_t::replace);
}

Result<Schema> schema_from_json(std::string_view text, std::string_view file_name) {
  const std::string where(file_name);
  if (json_depth(text) > kDepthMax) return bad_input(where + ": JSON nested too deeply");
  Schema schema;
  JsonDocument document;
  try {
    document.parse(text);
    SKIPCAST_TRY_OK(schema_members(document.value(), where, schema));
  } catch (const json::exception& error) {
    return bad_input(fmt::format("{}: not valid JSON: {}", where, error.what()));
  }
  if (const Status status = validate(schema); !status.ok()) {
    return Status(status.code(), fmt::format("{}: {}", where, status.message()));
  }
  return schema;
}

}  // namespace skipcast::storage
