// What is made from the rows of the table: values, checks of ranges, the canonical setting, text.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/settings/setting_table.h"

namespace skipcast::engine {
namespace {

using nlohmann::json;

// `setting` is only read through the fields, which hand out what may be written to.
Setting& readable(const Setting& setting) { return const_cast<Setting&>(setting); }

json as_json(const auto& value) { return value; }
template <typename Value>
json as_json(const std::optional<Value>& value) {
  return value ? json(*value) : json(nullptr);
}

void reset(const Knob& knob, Setting& setting) {
  std::visit(
      [&setting](const auto& field) {
        Setting fresh;
        if constexpr (std::is_same_v<std::decay_t<decltype(field)>, WordField>) {
          SKIPCAST_CHECK(field.set(setting, field.get(fresh)).ok());
        } else {
          field(setting) = field(fresh);
        }
      },
      knob.field);
}

bool in_range(const Range& range, const json& value) {
  if (!value.is_number()) return true;
  const double number = value.get<double>();
  return (range.open ? number > range.least : number >= range.least) && number <= range.most;
}

std::string number_text(const json& value) {
  return value.is_number_float() ? fmt::format("{:g}", value.get<double>()) : value.dump();
}

std::string range_text(const Knob& knob) {
  const bool whole = std::holds_alternative<Field<int64_t>>(knob.field) ||
                     std::holds_alternative<Field<std::optional<int64_t>>>(knob.field);
  const Range& range = knob.range;
  std::string text = whole ? "a whole number" : "a number";
  if (range.open) text += fmt::format(" above {:g}", range.least);
  if (std::isinf(range.most))
    return text + (range.open ? "" : fmt::format(" from {:g}", range.least));
  return text + (range.open ? fmt::format(" and at most {:g}", range.most)
                            : fmt::format(" from {:g} to {:g}", range.least, range.most));
}

}  // namespace

const char* title(Group group) {
  switch (group) {
    case Group::kEveryday:
      return "Everyday";
    case Group::kStart:
      return "Start";
    case Group::kDepth:
      return "Depth";
    case Group::kSolver:
      return "Solver";
    case Group::kRetrieval:
      return "Retrieval";
    case Group::kOutput:
      return "Output";
    case Group::kCompute:
      return "Compute";
  }
  return "";
}

bool applies(const Knob& knob, const Setting& setting) {
  return knob.applies == nullptr || knob.applies(setting);
}

json value_of(const Knob& knob, const Setting& setting) {
  return std::visit(
      [&setting](const auto& field) -> json {
        if constexpr (std::is_same_v<std::decay_t<decltype(field)>, WordField>) {
          return field.get(setting);
        } else {
          return as_json(field(readable(setting)));
        }
      },
      knob.field);
}

std::string value_text(const Knob& knob, const Setting& setting) {
  const json value = value_of(knob, setting);
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return number_text(value);
  std::string text;
  for (const json& each : value) text += (text.empty() ? "" : "/") + number_text(each);
  return text;
}

bool is_default(const Knob& knob, const Setting& setting) {
  return value_of(knob, setting) == value_of(knob, {});
}

Status check_value(const Knob& knob, const json& value, std::string_view name) {
  for (const json& each : value.is_array() ? value : json::array({value})) {
    if (in_range(knob.range, each)) continue;
    return usage(fmt::format("{} {}: {} is expected", name, number_text(each), range_text(knob)));
  }
  return {};
}

Status check(const Setting& setting) {
  for (const Knob& knob : knobs()) {
    SKIPCAST_TRY_OK(check_value(knob, value_of(knob, setting), knob.flag));
  }
  return {};
}

Setting canonical(const Setting& setting) {
  Setting same = setting;
  for (const Knob& knob : knobs()) {
    if (!applies(knob, setting)) reset(knob, same);
  }
  return same;
}

std::string describe(const Setting& setting) {
  std::string text;
  for (const Knob& knob : knobs()) {
    if (!applies(knob, setting) || (!knob.shown && is_default(knob, setting))) continue;
    text += text.empty() ? "" : " ";
    const bool is_switch = std::holds_alternative<Field<bool>>(knob.field);
    const std::string value = is_switch ? "" : value_text(knob, setting);
    const bool both = !knob.label.empty() && !value.empty();
    text += fmt::format("{}{}{}", knob.label, both ? "=" : "", value);
  }
  return text;
}

}  // namespace skipcast::engine
