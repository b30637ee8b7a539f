// What the archives in tests/golden hold; shared by the program that makes them and their test.
#pragma once

#include <cstdint>
#include <limits>

#include "storage/series/series_store.h"

namespace skipcast::tests {

inline constexpr int64_t kGoldenStates = 300;
inline constexpr int64_t kGoldenErasedFirst = 70, kGoldenErasedStates = 25;
inline constexpr int32_t kGoldenErasedPlace = 1;

// Two variables at three places.
inline void blank_golden(storage::StateBlock& block) {
  const int64_t end = kGoldenErasedFirst + kGoldenErasedStates;
  for (int64_t i = kGoldenErasedFirst * 6; i < end * 6; ++i) {
    if (i % 3 == kGoldenErasedPlace) {
      block.values[static_cast<size_t>(i)] = std::numeric_limits<float>::quiet_NaN();
    }
  }
}

}  // namespace skipcast::tests
