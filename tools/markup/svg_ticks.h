// Where an axis has ticks and what they say. Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace skipcast::tools {

struct Tick {
  double at = 0;
  std::string text;
};

// About `count` round numbers (1, 2 or 5 times a power of ten) in [low, high].
std::vector<Tick> linear_ticks(double low, double high, int count);
// Powers of ten in [low, high] (> 0), with 2 and 5 between them when there are fewer than three.
std::vector<Tick> log_ticks(double low, double high);
// About `count` whole hours, days, months or years in [low, high] seconds since 1970; a date where
// a day begins, a year where a year begins.
std::vector<Tick> time_ticks(int64_t low_s, int64_t high_s, int count);

// [low, high] widened so that both are round, and never empty.
struct Range {
  double low = 0, high = 1;
};
Range round_range(double low, double high, int count);

}  // namespace skipcast::tools
