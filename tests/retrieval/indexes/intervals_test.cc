// labels: unit
// Sets of ids as intervals, against sets of ids one by one.
#include "retrieval/indexes/intervals.h"

#include <doctest/doctest.h>

#include <random>
#include <set>
#include <vector>

using namespace skipcast::retrieval;

namespace {

constexpr int64_t kIds = 40;

std::set<int64_t> ids_of(const std::vector<Interval>& intervals) {
  std::set<int64_t> ids;
  for (const Interval& each : intervals) {
    for (int64_t id = each.begin; id < each.end; ++id) ids.insert(id);
  }
  return ids;
}

bool is_tidy(const std::vector<Interval>& intervals) {
  for (size_t i = 0; i < intervals.size(); ++i) {
    if (intervals[i].begin >= intervals[i].end) return false;
    if (i > 0 && intervals[i - 1].end >= intervals[i].begin) return false;
  }
  return true;
}

std::vector<Interval> drawn(std::mt19937_64& random) {
  std::vector<Interval> intervals(random() % 6);
  for (Interval& each : intervals) {
    each.begin = static_cast<int64_t>(random() % kIds);
    each.end = each.begin + static_cast<int64_t>(random() % 9);
  }
  return intervals;
}

}  // namespace

TEST_CASE("Intervals: merging, clipping and removing agree with sets of ids") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 2000; ++round) {
    const std::vector<Interval> raw = drawn(random), more = drawn(random);
    const std::vector<Interval> set = merged(raw), removed = merged(more);
    const std::set<int64_t> ids = ids_of(raw);
    REQUIRE(is_tidy(set));
    REQUIRE(ids_of(set) == ids);
    REQUIRE(total_length(set) == static_cast<int64_t>(ids.size()));
    const int64_t begin = static_cast<int64_t>(random() % kIds), end = begin + 11;
    std::set<int64_t> inside, left = ids;
    for (const int64_t id : ids) {
      if (id >= begin && id < end) inside.insert(id);
    }
    for (const int64_t id : ids_of(more)) left.erase(id);
    REQUIRE(ids_of(clipped(set, begin, end)) == inside);
    REQUIRE(ids_of(without(set, removed)) == left);
    REQUIRE(is_tidy(without(set, removed)));
  }
}

TEST_CASE("Intervals: touching ones become one, empty ones vanish") {
  CHECK((merged({{5, 7}, {0, 2}, {2, 5}, {9, 9}}) == std::vector<Interval>{{0, 7}}));
  CHECK(merged({{3, 3}}).empty());
  CHECK((without(std::vector<Interval>{{0, 10}}, std::vector<Interval>{{3, 4}}) ==
         std::vector<Interval>{{0, 3}, {4, 10}}));
}
