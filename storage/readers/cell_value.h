// From a text or number in a foreign file to the float of a state.
#pragma once

#include <string_view>
#include <vector>

#include "storage/readers/recipe.h"
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
  // The same of a number of a float32 array, whose markers are float32 too.
  Result<float> from_single(double number) const;

 private:
  bool is_missing(std::string_view cell) const;
  Result<float> value_of(double number) const;

  const VariableRecipe recipe_;
  const bool plain_;  // scale 1, offset 0
};

}  // namespace skipcast::storage
