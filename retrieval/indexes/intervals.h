// Sets of ids as half-open, increasing, disjoint intervals.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace skipcast::retrieval {

struct Interval {
  int64_t begin, end;

  bool operator==(const Interval&) const = default;
};

// Sum of the lengths.
int64_t total_length(std::span<const Interval> intervals);

// Any intervals, in any order, as such a set.
std::vector<Interval> merged(std::vector<Interval> intervals);

// What lies in [begin, end).
std::vector<Interval> clipped(std::span<const Interval> intervals, int64_t begin, int64_t end);

// `intervals` without what lies in `removed`.
std::vector<Interval> without(std::span<const Interval> intervals,
                              std::span<const Interval> removed);

}  // namespace skipcast::retrieval
