// The knobs of a setting, one row each. Command-line flags, JSON, a setting's line of text, the
// checks of ranges and its identity are made from the rows: a new knob is a row here, a field of
// Setting and the code that uses it. Values and pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/settings/forecast_options.h"
#include "storage/status.h"

namespace skipcast::engine {

// Where a knob's value lies in a setting. Values with names are read and written as words.
template <typename Value>
using Field = Value& (*)(Setting&);
struct WordField {
  std::string (*get)(const Setting&);
  Status (*set)(Setting&, std::string_view);  // kUsage lists the words
};
using AnyField =
    std::variant<Field<bool>, Field<int64_t>, Field<double>, Field<std::optional<int64_t>>,
                 Field<std::optional<double>>, Field<std::vector<double>>, WordField>;

// Of a number, and of every number of a list.
struct Range {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool open = false;  // `least` itself is not allowed
};

// Where --help shows a flag.
enum class Group { kEveryday, kStart, kDepth, kSolver, kRetrieval, kOutput, kCompute };
const char* title(Group group);

// When a file holds a knob: always, where it applies, or where it is not as it always was (so that
// files stay as older versions wrote them).
enum class Stored { kAlways, kWhereItApplies, kUnlessDefault };

// The part of a sweep that tries values of a knob (engine/tuning/tuner.h).
enum class Stage { kNever, kPlans, kVariations, kLevels };

struct Knob {
  std::string_view flag;       // "--entry-sigma"
  std::string_view old_flags;  // accepted for one more version, not shown: "--start-sigma"
  std::string_view key;        // in JSON
  std::string_view old_key;    // still read
  std::string_view label;      // in text, "sigma=3"; "": the value alone
  AnyField field;
  Range range = {};
  bool (*applies)(const Setting&) = nullptr;  // none: with every setting
  std::string_view only_with = {};            // the same in words: "--key mixed"
  Stored stored = Stored::kUnlessDefault;
  bool shown = false;  // in text even where it is as it always was
  Group group = Group::kStart;
  Stage stage = Stage::kNever;
  std::string_view help = {};
  std::string (*choices)() = nullptr;  // end the help
};

std::span<const Knob> knobs();
bool applies(const Knob& knob, const Setting& setting);

// The knob's value: null where there is none, an infinite number as it is.
nlohmann::json value_of(const Knob& knob, const Setting& setting);
// The value in text, as describe() has it.
std::string value_text(const Knob& knob, const Setting& setting);
bool is_default(const Knob& knob, const Setting& setting);

// kUsage: "--pool -1: a whole number from 0 to 65536 is expected", for the first knob out of range.
Status check(const Setting& setting);
// The same with the knob's JSON key in the sentence.
Status check_value(const Knob& knob, const nlohmann::json& value, std::string_view name);

// Knobs that do not apply as they always were: settings that make the same forecasts are equal.
Setting canonical(const Setting& setting);

// "analog key=forecast align=residual sigma=3 steps=3 dpmpp_2m": one line for people. Two settings
// may look alike: identity() (engine/settings/options_json.h) tells them apart.
std::string describe(const Setting& setting);

}  // namespace skipcast::engine
