// The ivfpq kind above the size from which it has lists.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>

#include "retrieval/indexes/vector_index.h"
#include "retrieval/search/search_planner.h"
#include "tests/support/vectors.h"

namespace skipcast::retrieval {
namespace {

using tests::brute_force;
using tests::path_vectors;
using tests::recall;
using tests::Vectors;

constexpr int64_t kRows = 30000, kDimension = 12;
const std::vector<Interval> kAll = {{0, kRows}};

std::unique_ptr<VectorIndex> built(const Vectors& vectors) {
  auto index = make_ivfpq_index(kDimension);
  for (int64_t at = 0; at < kRows; at += 3000) {  // trained at 21,000, the rest added
    REQUIRE(index
                ->add(std::span(vectors.ids).subspan(static_cast<size_t>(at), 3000),
                      std::span(vectors.values)
                          .subspan(static_cast<size_t>(at * kDimension), 3000 * kDimension))
                .ok());
  }
  return index;
}

// One for all cases here: training is what takes time.
struct Made {
  Vectors vectors = path_vectors(kRows, kDimension, 6, 71);
  std::unique_ptr<VectorIndex> index = built(vectors);
};

const Made& made() {
  static const Made once;
  return once;
}

}  // namespace

TEST_CASE("IVFPQ index: recall@16 is at least .98, distances are exact, filters hold") {
  const Made& m = made();
  const std::vector<std::vector<Interval>> filters = {
      kAll, {{0, 15000}}, {{2000, 5000}}, {{100, 130}, {9000, 9100}, {25000, 25100}}};
  for (const auto& allowed : filters) {
    double sum = 0;
    int queries = 0;
    for (int64_t i = 50; i < kRows; i += 701) {
      const auto query = m.vectors.row(i);
      const Wanted wanted{16, total_length(allowed), 0};
      const auto found =
          m.index->search(query, 16, allowed, m.index->approach(wanted).beam).value();
      REQUIRE(found.size() == 16);
      for (const Neighbour& n : found) {
        const Interval only{n.origin, n.origin + 1};
        REQUIRE(total_length(clipped(allowed, n.origin, n.origin + 1)) == 1);
        REQUIRE(m.index->search_exact(query, 1, {&only, 1}).value()[0] == n);
      }
      sum += recall(found, brute_force(m.vectors, query, 16, allowed));
      ++queries;
    }
    CAPTURE(total_length(allowed));
    CHECK(sum / queries >= 0.98);
  }
}

TEST_CASE("IVFPQ index: the planner returns k of k, by an exact scan where few are allowed") {
  const Made& m = made();
  for (const int64_t k : {1, 16, 300}) {
    const std::vector<Interval> few = {{100, 500}};
    const auto found = plan_search({*m.index, {}}, {m.vectors.row(9), few, 0}, {k}).value();
    CHECK(static_cast<int64_t>(found.analogs.size()) == k);
    CHECK(found.plan.method == "exact");
    CHECK(static_cast<int64_t>(m.index->search(m.vectors.row(9), k, kAll, 0)->size()) == k);
  }
}

TEST_CASE("IVFPQ index: built twice it is the same bytes, which bring back every answer") {
  const Made& m = made();
  const std::string bytes = m.index->serialize().value();
  CHECK(built(m.vectors)->serialize().value() == bytes);
  const auto back = load_index("ivfpq", bytes, kDimension, kRows).value();
  CHECK(back->serialize().value() == bytes);
  for (int64_t i = 0; i < kRows; i += 911) {
    CHECK(back->search(m.vectors.row(i), 20, kAll, 0).value() ==
          m.index->search(m.vectors.row(i), 20, kAll, 0).value());
  }
}

TEST_CASE("IVFPQ index: no damage to its bytes crashes a load or a search") {
  const Made& m = made();
  const std::string bytes = m.index->serialize().value();
  const size_t lists_at = 16 + kRows * (8 + 4 * kDimension);
  int refused = 0;
  const auto damage = [&](size_t at, char flip) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ flip);
    const auto loaded = load_index("ivfpq", damaged, kDimension, kRows);
    refused += !loaded.ok();
    if (loaded.ok()) REQUIRE((*loaded)->search(m.vectors.row(5), 10, kAll, 0).ok());
  };
  for (size_t at = lists_at; at < lists_at + 12; ++at) damage(at, '\x41');
  for (size_t at = lists_at + 8; at < bytes.size(); at += bytes.size() / 97) damage(at, '\xff');
  CHECK(refused >= 8);  // the counts, at least
  for (size_t size = lists_at - 5; size < bytes.size(); size += bytes.size() / 41) {
    REQUIRE_FALSE(
        load_index("ivfpq", std::string_view(bytes).substr(0, size), kDimension, kRows).ok());
  }
  CHECK_FALSE(load_index("ivfpq", bytes + "x", kDimension, kRows).ok());
}

TEST_CASE("IVFPQ index: counts, lists and values out of range are each told") {
  const Made& m = made();
  const std::string bytes = m.index->serialize().value();
  const size_t counts_at = 16 + kRows * (8 + 4 * kDimension);
  int32_t lists = 0;
  std::memcpy(&lists, bytes.data() + counts_at, sizeof lists);
  const size_t centroids_at = counts_at + 8;
  const size_t codebooks_at = centroids_at + 4 * static_cast<size_t>(lists * kDimension);
  const size_t list_of_at = codebooks_at + 4 * 256 * kDimension;
  const auto told = [&](size_t at, auto value, const char* what) {
    std::string changed = bytes;
    std::memcpy(changed.data() + at, &value, sizeof value);
    const Status status = load_index("ivfpq", changed, kDimension, kRows).status();
    INFO(status.message());
    CHECK(status.code() == Code::kDataLoss);
    CHECK(status.message().find(what) != std::string::npos);
  };
  for (const int32_t count : {-1, (1 << 16) + 1}) told(counts_at, count, "out of range");
  for (const int32_t code : {-3, 0, 5}) told(counts_at + 4, code, "out of range");
  told(counts_at, int32_t{0}, "beyond its lists");
  told(counts_at + 4, int32_t{12}, "shorter than its counts");
  told(centroids_at, std::nanf(""), "not finite");
  told(codebooks_at, std::nanf(""), "not finite");
  told(list_of_at, int32_t{-1}, "point astray");
  told(list_of_at, lists, "point astray");
}

}  // namespace skipcast::retrieval
