#include "retrieval/search/search_planner.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "tests/support/vectors.h"

namespace skipcast::retrieval {
namespace {

using tests::brute_force;
using tests::path_vectors;
using tests::recall;
using tests::Vectors;

constexpr int64_t kRows = 20000;

// One graph for all cases here: building it is what takes time.
struct Planned {
  Vectors vectors = path_vectors(kRows, 24, 8, 51);
  HnswOptions options{16, 80, 64};
  std::unique_ptr<VectorIndex> index = make_hnsw_index(24, options);

  Planned() { REQUIRE(index->add(vectors.ids, vectors.values).ok()); }
};

const Planned& planned() {
  static const Planned made;
  return made;
}

struct Outcome {
  double recall = 0;
  std::set<std::string> methods;
};

// Mean recall@k over queries whose allowed rows `allow` gives.
template <typename Allow>
Outcome run(int64_t k, int64_t crowd, Allow allow) {
  const Planned& p = planned();
  Outcome outcome;
  int queries = 0;
  for (int64_t q = 150; q < kRows; q += 401) {
    const std::vector<Interval> allowed = allow(q);
    const auto found = plan_search({*p.index, {}}, {p.vectors.row(q), allowed, crowd}, {k});
    REQUIRE(found.ok());
    REQUIRE(static_cast<int64_t>(found->analogs.size()) == k);
    outcome.recall += recall(found->analogs, brute_force(p.vectors, p.vectors.row(q), k, allowed));
    outcome.methods.insert(found->plan.method);
    ++queries;
  }
  outcome.recall /= queries;
  return outcome;
}

}  // namespace

TEST_CASE("Planner: nothing forbidden is an approximate search with recall of .95") {
  const Outcome outcome = run(10, 0, [](int64_t) { return std::vector<Interval>{{0, kRows}}; });
  CHECK(outcome.methods == std::set<std::string>{"ann"});
  CHECK(outcome.recall >= 0.95);
}

TEST_CASE("Planner: 0.1, 1 and 10 % of the rows allowed keep recall, by an exact scan") {
  for (const double share : {0.001, 0.01, 0.1}) {
    CAPTURE(share);
    const int64_t size = static_cast<int64_t>(share * kRows);
    const Outcome outcome = run(10, 48, [&](int64_t q) {
      const int64_t begin = q % (kRows - size);
      return std::vector<Interval>{{begin, begin + size}};
    });
    CHECK(outcome.recall >= 0.95);
    CHECK(outcome.methods == std::set<std::string>{"exact"});
  }
}

TEST_CASE("Planner: half of the rows, nine tenths, and a band around the query keep recall") {
  const Outcome half = run(10, 48, [](int64_t q) {
    return q < kRows / 2 ? std::vector<Interval>{{kRows / 2, kRows}}
                         : std::vector<Interval>{{0, kRows / 2}};
  });
  CHECK(half.methods == std::set<std::string>{"exact"});
  CHECK(half.recall >= 0.95);
  const Outcome most = run(10, 20, [](int64_t q) {
    return q < kRows / 10 ? std::vector<Interval>{{kRows / 10, kRows}}
                          : std::vector<Interval>{{0, kRows * 9 / 10}};
  });
  CHECK(most.recall >= 0.95);
  const Outcome band = run(10, 20, [](int64_t q) {
    return std::vector<Interval>{{0, std::max<int64_t>(0, q - 9)}, {q + 10, kRows}};
  });
  CHECK(band.methods == std::set<std::string>{"ann-wide"});
  CHECK(band.recall >= 0.95);
}

TEST_CASE("Planner: k asked is k returned, up to all that is allowed") {
  const Planned& p = planned();
  const std::vector<Interval> allowed = {{100, 160}, {9000, 9040}};
  for (const int64_t k : {1, 10, 99, 100}) {
    const auto found = plan_search({*p.index, {}}, {p.vectors.row(0), allowed, 0}, {k});
    CHECK(static_cast<int64_t>(found->analogs.size()) == k);
  }
  const auto more = plan_search({*p.index, {}}, {p.vectors.row(0), allowed, 0}, {101});
  CHECK(more->analogs.size() == 100);
  CHECK(more->plan.allowed == 100);
  CHECK(more->plan.rows == kRows);
  const std::vector<Interval> all = {{0, kRows}};
  const auto many = plan_search({*p.index, {}}, {p.vectors.row(0), all, 0}, {5000});
  CHECK(many->analogs.size() == 5000);
  CHECK(plan_search({*p.index, {}}, {p.vectors.row(0), {}, 0}, {5})->analogs.empty());
}

TEST_CASE("Planner: separation is the greedy choice among all allowed, nearest first") {
  const Planned& p = planned();
  const auto flat = make_flat_index(24);
  REQUIRE(flat->add(p.vectors.ids, p.vectors.values).ok());
  for (const int64_t separation : {1, 2, 24, 300}) {
    for (int64_t q = 7; q < kRows; q += 3001) {
      CAPTURE(separation);
      const std::vector<Interval> allowed = {{0, 6000}, {8000, 12000}};
      const auto found = plan_search({*flat, {}}, {p.vectors.row(q), allowed, 0}, {12, separation});
      REQUIRE(found.ok());
      std::vector<int64_t> expected;
      for (const int64_t id : brute_force(p.vectors, p.vectors.row(q), kRows, allowed)) {
        const bool near = std::any_of(expected.begin(), expected.end(), [&](int64_t other) {
          return std::abs(other - id) < separation;
        });
        if (!near && expected.size() < 12) expected.push_back(id);
      }
      std::vector<int64_t> got;
      for (const Neighbour& n : found->analogs) got.push_back(n.origin);
      CHECK(got == expected);
    }
  }
}

TEST_CASE("Planner: separation that cannot be had returns all that can") {
  const Planned& p = planned();
  const std::vector<Interval> allowed = {{1000, 1100}};
  const auto found = plan_search({*p.index, {}}, {p.vectors.row(0), allowed, 0}, {12, 30});
  REQUIRE(found.ok());
  CHECK(found->analogs.size() >= 2);  // 100 states hold 2 to 4 windows 30 apart
  CHECK(found->analogs.size() <= 4);
  for (const Neighbour& a : found->analogs) {
    for (const Neighbour& b : found->analogs) {
      CHECK((a.origin == b.origin || std::abs(a.origin - b.origin) >= 30));
    }
  }
}

}  // namespace skipcast::retrieval
