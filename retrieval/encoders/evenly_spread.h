// Fixed samples of origins. Pure functions, thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace skipcast::retrieval {

// At most `count_max` of the origins, evenly spread over them, in their order.
inline std::vector<int64_t> evenly_spread(std::span<const int64_t> origins, int64_t count_max) {
  const int64_t count = static_cast<int64_t>(origins.size());
  const int64_t chosen_count = std::min(count_max, count);
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < chosen_count; ++i) {
    chosen.push_back(origins[static_cast<size_t>(i * count / chosen_count)]);
  }
  return chosen;
}

// At most `count` of the origins, evenly spaced, first and last included, in their order; of one
// the middle.
inline std::vector<int64_t> evenly_spaced(std::span<const int64_t> origins, int64_t count) {
  const int64_t available = static_cast<int64_t>(origins.size());
  if (available <= count) return {origins.begin(), origins.end()};
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = count == 1 ? available / 2 : i * (available - 1) / (count - 1);
    chosen.push_back(origins[static_cast<size_t>(at)]);
  }
  return chosen;
}

}  // namespace skipcast::retrieval
