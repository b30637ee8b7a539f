// When two latitudes, or two longitudes, are the same: whether they were kept as double or float32.
#pragma once

#include <algorithm>
#include <cmath>

namespace skipcast::storage {

inline bool same_position(double a, double b) {
  constexpr double kFloat32Share = 2.5e-7;
  return std::abs(a - b) <= kFloat32Share * std::max(std::abs(a), std::abs(b));
}

}  // namespace skipcast::storage
