#include "retrieval/search/guard.h"

#include <algorithm>
#include <limits>

namespace skipcast::retrieval {
namespace {

// A guard without past_only would admit the query itself: there the band is not optional.
bool has_band(const Guard& guard) { return guard.band || !guard.past_only; }

// One past the last origin that past_only and frozen_states leave.
int64_t origins_end(const Guard& guard, int64_t query) {
  int64_t end = std::numeric_limits<int64_t>::max();
  if (guard.past_only) end = std::min(end, query - guard.spec.future_states + 1);
  if (guard.frozen_states >= 0) end = std::min(end, guard.frozen_states - guard.spec.future_states);
  return end;
}

void push_interval(std::vector<Interval>& intervals, int64_t begin, int64_t end) {
  if (begin < end) intervals.push_back({begin, end});
}

}  // namespace

bool usable(const Guard& guard, int64_t query, int64_t candidate) {
  const int64_t future_end = candidate + guard.spec.future_states;  // its last future state
  if (guard.past_only && future_end > query) return false;
  if (guard.frozen_states >= 0 && future_end >= guard.frozen_states) return false;
  const int64_t apart = candidate > query ? candidate - query : query - candidate;
  return !has_band(guard) || apart >= guard.spec.span();
}

std::vector<Interval> usable_intervals(const Guard& guard, int64_t query, int64_t first,
                                       int64_t last) {
  const int64_t end = std::min(last, origins_end(guard, query));
  std::vector<Interval> intervals;
  if (!has_band(guard)) {
    push_interval(intervals, first, end);
    return intervals;
  }
  const int64_t span = std::max<int64_t>(guard.spec.span(), 0);
  const int64_t before_end = std::min(end, query - span + 1);
  push_interval(intervals, first, before_end);
  push_interval(intervals, std::max({first, query + span, before_end}), end);
  return intervals;
}

}  // namespace skipcast::retrieval
