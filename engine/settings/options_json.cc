#include "engine/settings/options_json.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "engine/settings/setting_table.h"

namespace skipcast::engine {
namespace {

using nlohmann::json;

// JSON has no infinity.
json finite(json value) {
  const bool infinite = value.is_number_float() && !std::isfinite(value.get<double>());
  return infinite ? json(nullptr) : std::move(value);
}

bool is_stored(const Knob& knob, const Setting& setting) {
  switch (knob.stored) {
    case Stored::kAlways:
      return true;
    case Stored::kWhereItApplies:
      return applies(knob, setting);
    case Stored::kUnlessDefault:
      return !is_default(knob, setting);
  }
  return true;
}

const char* noun(const Field<bool>&) { return "true or false"; }
const char* noun(const Field<int64_t>&) { return "a whole number"; }
const char* noun(const Field<std::optional<int64_t>>&) { return "a whole number or null"; }
const char* noun(const Field<double>&) { return "a number"; }
const char* noun(const Field<std::optional<double>>&) { return "a number or null"; }
const char* noun(const Field<std::vector<double>>&) { return "a list of numbers"; }
const char* noun(const WordField&) { return "a word"; }

// False for a value of another type. Null is no value where there may be none.
bool take(const json& value, bool& into) {
  if (value.is_boolean()) into = value.get<bool>();
  return value.is_boolean();
}
bool take(const json& value, int64_t& into) {
  if (!value.is_number_integer()) return false;
  if (value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{INT64_MAX}) return false;
  into = value.get<int64_t>();
  return true;
}
bool take(const json& value, double& into) {
  if (value.is_null() && std::isinf(into)) return true;
  if (value.is_number()) into = value.get<double>();
  return value.is_number();
}
template <typename Value>
bool take(const json& value, std::optional<Value>& into) {
  if (value.is_null()) return true;
  return take(value, into.emplace());
}
bool take(const json& value, std::vector<double>& into) {
  if (!value.is_array()) return false;
  for (const json& each : value) {
    if (!take(each, into.emplace_back())) return false;
  }
  return true;
}

Status wrong_type(const Knob& knob, const json& value) {
  const char* expected = std::visit([](const auto& field) { return noun(field); }, knob.field);
  return bad_input(fmt::format("\"{}\" of a setting must be {}, not {}", knob.key, expected,
                               value.dump(-1, ' ', false, json::error_handler_t::replace)));
}

Status read(const Knob& knob, const json& value, Setting& setting) {
  const auto read_into = [&](const auto& field) -> Status {
    if constexpr (std::is_same_v<std::decay_t<decltype(field)>, WordField>) {
      if (!value.is_string()) return wrong_type(knob, value);
      return field.set(setting, value.get_ref<const std::string&>());
    } else {
      return take(value, field(setting)) ? Status() : wrong_type(knob, value);
    }
  };
  SKIPCAST_TRY_OK(std::visit(read_into, knob.field));
  const Status in_range = check_value(knob, value, fmt::format("\"{}\" of a setting:", knob.key));
  return in_range.ok() ? in_range : bad_input(in_range.message());
}

const Knob* find(std::string_view key) {
  for (const Knob& knob : knobs()) {
    if (key == knob.key || (!knob.old_key.empty() && key == knob.old_key)) return &knob;
  }
  return nullptr;
}

}  // namespace

json options_json(const Setting& setting) {
  json object = json::object();
  for (const Knob& knob : knobs()) {
    if (is_stored(knob, setting)) object[std::string(knob.key)] = finite(value_of(knob, setting));
  }
  return object;
}

Result<Setting> options_from_json(const json& object) {
  if (!object.is_object()) return bad_input("a setting must be a JSON object");
  Setting setting;
  for (const auto& [key, value] : object.items()) {
    const Knob* knob = find(key);
    if (knob == nullptr) return bad_input(fmt::format("a setting has no key \"{}\"", key));
    SKIPCAST_TRY_OK(read(*knob, value, setting));
  }
  for (const Knob& knob : knobs()) {
    if (knob.stored != Stored::kAlways || object.contains(std::string(knob.key))) continue;
    return bad_input(fmt::format("a setting needs the key \"{}\"", knob.key));
  }
  return setting;
}

std::string identity(const Setting& setting) { return options_json(canonical(setting)).dump(); }

}  // namespace skipcast::engine
