#include "storage/readers/cell_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "storage/formats/csv_cells.h"
#include "storage/formats/number_text.h"

namespace skipcast::storage {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr std::string_view kAlwaysMissing[] = {"NA", "NaN", "nan", "null", "NULL", "N/A"};

bool holds(const std::vector<double>& numbers, double number) {
  return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

}  // namespace

ValueRule::ValueRule(const VariableRecipe& variable)
    : recipe_(variable), plain_(variable.scale == 1 && variable.offset == 0) {}

bool ValueRule::is_missing(std::string_view cell) const {
  if (cell.empty()) return true;
  const auto& texts = recipe_.missing.texts;
  return std::find(std::begin(kAlwaysMissing), std::end(kAlwaysMissing), cell) !=
             std::end(kAlwaysMissing) ||
         std::find(texts.begin(), texts.end(), cell) != texts.end();
}

Result<float> ValueRule::from_text(std::string_view cell) const {
  if (!recipe_.categories.empty()) {
    const auto found = recipe_.categories.find(cell);
    if (found != recipe_.categories.end()) return from_number(found->second);
    if (is_missing(cell)) return kMissing;
    return bad_input(shown(cell) +
                     " is not in the variable's \"map\"; add it there or under "
                     "\"missing\" in the recipe");
  }
  if (plain_ && recipe_.missing.numbers.empty()) {
    const std::optional<float> value = parse_float(cell);
    if (value && std::isfinite(*value)) return *value;
  }
  if (is_missing(cell)) return kMissing;
  const std::optional<double> number = parse_number(cell);
  if (!number) {
    return bad_input(shown(cell) +
                     " is not a number; correct it, or list it under \"missing\" "
                     "in a recipe if it marks a missing value");
  }
  return from_number(*number);
}

Result<float> ValueRule::from_number(double number) const {
  return holds(recipe_.missing.numbers, number) ? kMissing : value_of(number);
}

Result<float> ValueRule::from_single(double number) const {
  const auto& markers = recipe_.missing.numbers;
  const bool missing = std::any_of(markers.begin(), markers.end(), [&](double marker) {
    return static_cast<float>(number) == static_cast<float>(marker);
  });
  return missing ? kMissing : value_of(number);
}

Result<float> ValueRule::value_of(double number) const {
  if (std::isnan(number)) return kMissing;
  const auto value = static_cast<float>(plain_ ? number : number * recipe_.scale + recipe_.offset);
  if (std::isfinite(value)) return value;
  return bad_input(
      fmt::format("{} is infinite or outside the range of 32-bit floats; list it "
                  "under \"missing\" in a recipe if it marks a missing value",
                  number));
}

}  // namespace skipcast::storage
