#include "retrieval/search/guard.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace skipcast::retrieval {
namespace {

Guard random_guard(std::mt19937_64& random) {
  const auto draw = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  Guard guard;
  guard.spec = {draw(1, 12), draw(1, 12)};
  guard.past_only = draw(0, 2) > 0;
  guard.band = draw(0, 1) == 1;
  guard.frozen_states = draw(0, 2) == 0 ? draw(0, 120) : -1;
  return guard;
}

std::vector<int64_t> one_by_one(const Guard& guard, int64_t query, int64_t first, int64_t last) {
  std::vector<int64_t> origins;
  for (int64_t c = first; c < last; ++c) {
    if (usable(guard, query, c)) origins.push_back(c);
  }
  return origins;
}

std::vector<int64_t> expand(const std::vector<Interval>& intervals) {
  std::vector<int64_t> origins;
  for (const Interval& interval : intervals) {
    for (int64_t c = interval.begin; c < interval.end; ++c) origins.push_back(c);
  }
  return origins;
}

// Whether two closed ranges of states meet.
bool meet(int64_t a_first, int64_t a_last, int64_t b_first, int64_t b_last) {
  return a_first <= b_last && b_first <= a_last;
}

}  // namespace

TEST_CASE("Guard: the intervals are exactly the origins that usable() admits") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 20000; ++round) {
    const Guard guard = random_guard(random);
    const auto draw = [&](int64_t low, int64_t high) {
      return std::uniform_int_distribution<int64_t>(low, high)(random);
    };
    const int64_t first = draw(-5, 60), last = first + draw(0, 80), query = draw(-20, 140);
    CAPTURE(round);
    CAPTURE(query);
    const std::vector<Interval> intervals = usable_intervals(guard, query, first, last);
    REQUIRE(expand(intervals) == one_by_one(guard, query, first, last));
    for (size_t i = 0; i < intervals.size(); ++i) {
      REQUIRE(intervals[i].begin < intervals[i].end);
      if (i > 0) REQUIRE(intervals[i - 1].end <= intervals[i].begin);
    }
  }
}

TEST_CASE("Guard: a growing archive admits futures that ended at the origin, and no later one") {
  const Guard guard{{6, 4}};
  CHECK(usable(guard, 100, 96));
  CHECK_FALSE(usable(guard, 100, 97));
  CHECK_FALSE(usable(guard, 100, 100));
  CHECK_FALSE(usable(guard, 100, 500));
}

TEST_CASE("Guard: a frozen archive stops at the end of the training part") {
  Guard guard{{6, 4}};
  guard.frozen_states = 50;
  CHECK(usable(guard, 100, 45));
  CHECK_FALSE(usable(guard, 100, 46));
}

TEST_CASE("Guard: no configuration returns a window that sees a state of the query's future") {
  std::mt19937_64 random(12);
  for (int round = 0; round < 5000; ++round) {
    const Guard guard = random_guard(random);
    const int64_t query = 60, in = guard.spec.context_states, out = guard.spec.future_states;
    CAPTURE(round);
    for (int64_t c = 0; c < 140; ++c) {
      if (!usable(guard, query, c)) continue;
      REQUIRE_FALSE(meet(c - in + 1, c + out, query + 1, query + out));
    }
  }
}

TEST_CASE("Guard: with the band or without past_only, windows share no state with the query's") {
  for (const bool past_only : {true, false}) {
    Guard guard{{6, 4}, past_only, past_only};
    CHECK_FALSE(usable(guard, 100, 91));
    CHECK(usable(guard, 100, 90));
    CHECK_FALSE(usable(guard, 100, 109));
    CHECK(usable(guard, 100, 110) == !past_only);
  }
}

TEST_CASE("Intervals: merged, clipped and subtracted sets hold what the definitions say") {
  std::mt19937_64 random(5);
  const auto any = [&](int64_t count) {
    std::vector<Interval> out;
    for (int64_t i = 0; i < count; ++i) {
      const auto begin = static_cast<int64_t>(random() % 40);
      out.push_back({begin, begin + static_cast<int64_t>(random() % 8)});
    }
    return out;
  };
  const auto holds = [](const std::vector<Interval>& intervals, int64_t id) {
    return std::any_of(intervals.begin(), intervals.end(),
                       [id](const Interval& i) { return id >= i.begin && id < i.end; });
  };
  for (int round = 0; round < 2000; ++round) {
    const std::vector<Interval> loose = any(round % 6), a = merged(loose), b = merged(any(3));
    const std::vector<Interval> rest = without(a, b), part = clipped(a, 10, 30);
    for (int64_t id = -1; id < 50; ++id) {
      REQUIRE(holds(a, id) == holds(loose, id));
      REQUIRE(holds(rest, id) == (holds(a, id) && !holds(b, id)));
      REQUIRE(holds(part, id) == (holds(a, id) && id >= 10 && id < 30));
    }
    for (size_t i = 1; i < rest.size(); ++i) REQUIRE(rest[i].begin >= rest[i - 1].end);
  }
}

}  // namespace skipcast::retrieval
