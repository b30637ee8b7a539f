#include "retrieval/indexes/intervals.h"

#include <algorithm>

namespace skipcast::retrieval {
namespace {

void push(std::vector<Interval>& intervals, int64_t begin, int64_t end) {
  if (begin < end) intervals.push_back({begin, end});
}

}  // namespace

int64_t total_length(std::span<const Interval> intervals) {
  int64_t total = 0;
  for (const Interval& interval : intervals) total += interval.end - interval.begin;
  return total;
}

std::vector<Interval> merged(std::vector<Interval> intervals) {
  std::sort(intervals.begin(), intervals.end(),
            [](const Interval& a, const Interval& b) { return a.begin < b.begin; });
  std::vector<Interval> out;
  for (const Interval& interval : intervals) {
    if (!out.empty() && interval.begin <= out.back().end) {
      out.back().end = std::max(out.back().end, interval.end);
    } else {
      push(out, interval.begin, interval.end);
    }
  }
  return out;
}

std::vector<Interval> clipped(std::span<const Interval> intervals, int64_t begin, int64_t end) {
  std::vector<Interval> out;
  for (const Interval& interval : intervals) {
    push(out, std::max(begin, interval.begin), std::min(end, interval.end));
  }
  return out;
}

std::vector<Interval> without(std::span<const Interval> intervals,
                              std::span<const Interval> removed) {
  std::vector<Interval> out;
  auto hole = removed.begin();
  for (const Interval& interval : intervals) {
    int64_t at = interval.begin;
    while (hole != removed.end() && hole->end <= at) ++hole;
    for (auto next = hole; next != removed.end() && next->begin < interval.end; ++next) {
      push(out, at, next->begin);
      at = std::max(at, next->end);
    }
    push(out, at, interval.end);
  }
  return out;
}

}  // namespace skipcast::retrieval
