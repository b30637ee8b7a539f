// g of the normalisation: a fixed, increasing function of one value, and its inverse.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace skipcast::retrieval {

enum class Transform { kIdentity, kLog, kSquareRoot };  // x, log(1 + x), sqrt(x)

// "identity", "log", "square_root": the words of files, by number.
inline constexpr const char* kTransformWords[] = {"identity", "log", "square_root"};

// NaN where g is not defined.
inline float apply(Transform transform, float value) {
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  switch (transform) {
    case Transform::kIdentity:
      return value;
    case Transform::kLog:
      return value > -1 ? static_cast<float>(std::log1p(double{value})) : kNone;
    case Transform::kSquareRoot:
      return value >= 0 ? std::sqrt(value) : kNone;
  }
  return kNone;
}

// The inverse; square roots below 0 (a model may produce them) become 0.
inline float invert(Transform transform, float value) {
  switch (transform) {
    case Transform::kIdentity:
      return value;
    case Transform::kLog:
      return static_cast<float>(std::expm1(double{value}));
    case Transform::kSquareRoot:
      return value > 0 ? value * value : value * 0;
  }
  return value;
}

}  // namespace skipcast::retrieval
