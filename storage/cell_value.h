// From a text or number in a foreign file to the float of a state.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "storage/recipe.h"
#include "storage/status.h"

namespace skipcast::storage {

// How the values of one variable are read: its recipe's missing markers, scale and map.
// Immutable, thread-safe.
class ValueRule {
 public:
  explicit ValueRule(const VariableRecipe& variable);

  // The value of a cell, NaN where it is missing. kBadInput without position ("'abc' is not a
  // number; ..."): the caller puts file, line and column in front.
  Result<float> from_text(std::string_view cell) const;
  // The value of a number that a binary file holds. kBadInput when it is infinite.
  Result<float> from_number(double number) const;

 private:
  bool is_missing(std::string_view cell) const;

  const VariableRecipe recipe_;
  const bool plain_;  // scale 1, offset 0
};

// A number in decimal or exponent notation, the whole text, or nullopt.
std::optional<double> parse_number(std::string_view text);
std::optional<int64_t> parse_integer(std::string_view text);

}  // namespace skipcast::storage
