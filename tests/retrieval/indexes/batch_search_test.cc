// Many queries at once: the same as one by one, whatever each may see; on a device in fewer calls.
#include "retrieval/indexes/batch_search.h"

#include <doctest/doctest.h>

#include <random>

#include "retrieval/indexes/device_scan.h"
#include "retrieval/search/analog_index.h"
#include "tests/support/analog_archive.h"
#include "tests/support/fake_scan.h"

namespace {

using namespace skipcast::retrieval;
using skipcast::tests::Archive;
using skipcast::tests::Behaviour;
using skipcast::tests::kSpec;
using skipcast::tests::scan_maker;

constexpr int64_t kWidth = 4, kRows = 12000;

// An index on a device that behaves so, and queries; every fifth row is a copy of an earlier one.
struct Scene {
  Behaviour behaviour;
  std::unique_ptr<VectorIndex> index;
  std::vector<float> vectors;

  explicit Scene(const Behaviour& wanted = {}) : behaviour(wanted) {
    std::mt19937_64 random(7);
    std::normal_distribution<float> normal;
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < kRows; ++i) {
      ids.push_back(i);
      for (int64_t j = 0; j < kWidth; ++j) {
        const size_t copied = vectors.size() - static_cast<size_t>(4 * kWidth);
        vectors.push_back(i % 5 == 4 ? vectors[copied] : normal(random));
      }
    }
    index = make_device_index(make_flat_index(kWidth), scan_maker(behaviour));
    REQUIRE(index->add(ids, vectors).ok());
  }
  BatchQuery query(int64_t row, std::vector<Interval> allowed) const {
    return {std::span(vectors).subspan(static_cast<size_t>(row * kWidth), kWidth),
            std::move(allowed)};
  }
  // What came back is what an exact search finds; the number of queries for which any did.
  int check(const std::vector<BatchQuery>& queries, int64_t count) const {
    const auto found = search_batch(*index, queries, count).value();
    REQUIRE(found.size() == queries.size());
    int answered = 0;
    for (size_t i = 0; i < queries.size(); ++i) {
      if (found[i].empty()) continue;
      ++answered;
      const auto& [embedding, allowed] = queries[i];
      CHECK(found[i] == index->search_exact(embedding, count, allowed).value());
    }
    return answered;
  }
};

TEST_CASE("Batch search: queries that see about the same take one call, others their own") {
  Scene scene;
  std::vector<BatchQuery> queries;
  // Two groups in disorder, one query far from both, one that may see nothing.
  for (const int64_t end : {9000, 300, 9500, 11000, 200, 9001, 250, 4800}) {
    queries.push_back(scene.query(end, {{0, end}}));
  }
  queries.push_back(scene.query(1, {}));
  const auto found = search_batch(*scene.index, queries, 9).value();
  CHECK(scene.behaviour.searches == 2);
  CHECK(found[7].empty());
  CHECK(found[8].empty());
  CHECK(found[3].size() == 9);
  CHECK(scene.check(queries, 9) == 7);
  CHECK(scene.check(queries, 64) == 7);
}

TEST_CASE("Batch search: bands and holes of the guard, and ties across them, change no result") {
  const Scene scene;
  std::vector<BatchQuery> queries;
  for (int64_t row = 4000; row < 4060; ++row) {
    queries.push_back(scene.query(row, {{0, row - 20}, {row + 21, 7000}, {8000, kRows}}));
  }
  CHECK(scene.check(queries, 1) == 60);
  CHECK(scene.check(queries, 30) == 60);
  queries = {scene.query(5, {{0, 6}}), scene.query(6, {{0, 7}})};
  CHECK(scene.check(queries, 30) == 2);  // fewer than were asked for
}

TEST_CASE("Batch search: nothing where the device is inexact, gone, or not for so many") {
  const auto asked = [](const Scene& scene, int64_t count) {
    return scene.check({scene.query(5, {{0, 9000}}), scene.query(6, {{0, 9000}})}, count);
  };
  CHECK(asked(Scene(), 67) == 2);
  CHECK(asked(Scene(), 68) == 0);  // 68, a quarter more and 16 are more than 100
  CHECK(asked(Scene({.partial = true}), 5) == 0);
  CHECK(asked(Scene({.room = 100}), 5) == 0);
  const Scene failing({.fails_after = 0});
  CHECK(asked(failing, 5) == 2);  // it fails here, and the CPU answers
  CHECK(asked(failing, 5) == 0);
  const auto flat = make_flat_index(kWidth);
  CHECK(together_max(*flat) == 0);
}

// That search_many() finds what search() does.
void check_many(const AnalogIndex& index, const std::vector<int64_t>& origins, const Guard& guard,
                const SearchOptions& options) {
  const auto many = index.search_many(origins, guard, options);
  REQUIRE_MESSAGE(many.ok(), many.status().message());
  for (size_t i = 0; i < origins.size(); ++i) {
    const AnalogResult one = index.search(origins[i], guard, options).value();
    REQUIRE((*many)[i].analogs == one.analogs);
    CHECK((*many)[i].plan.allowed == one.plan.allowed);
    CHECK(std::string((*many)[i].plan.method) == one.plan.method);
  }
}

std::vector<int64_t> late_origins() {
  std::vector<int64_t> origins;
  for (int64_t origin = 399; origin > 150; --origin) origins.push_back(origin);
  return origins;
}

// The same, and in so many calls of the device.
void check_calls(const AnalogIndex& index, Behaviour& behaviour, const Guard& guard,
                 int calls_max) {
  for (const SearchOptions& options : {SearchOptions{8, 3}, SearchOptions{20, 1}}) {
    behaviour.searches = 0;
    REQUIRE(index.search_many(late_origins(), guard, options).ok());
    CHECK(behaviour.searches > 0);
    CHECK(behaviour.searches <= calls_max);
    check_many(index, late_origins(), guard, options);
  }
}

TEST_CASE("Batch search: on the CPU for an exact index and enough queries") {
  Scene scene({.room = 100});  // the device is gone
  std::vector<BatchQuery> queries;
  for (int64_t row = 4000; row < 4007; ++row) {
    queries.push_back(scene.query(row, {{0, row - 20}, {row + 21, 7000}, {8000, kRows}}));
  }
  CHECK(scene.check(queries, 9) == 0);
  queries.push_back(scene.query(1, {{3, 4}}));
  CHECK(scene.check(queries, 9) == 8);
  CHECK(scene.check(queries, 2048) == 8);
  CHECK(scene.check(queries, 2049) == 0);
  const auto graph = make_hnsw_index(kWidth);
  REQUIRE(graph->add(std::vector<int64_t>{0, 1}, std::span(scene.vectors).first(2 * kWidth)).ok());
  const auto unanswered = search_batch(*graph, queries, 9).value();
  for (const auto& found : unanswered) CHECK(found.empty());
}

TEST_CASE("Analog index: many queries at once are the same bits as one by one") {
  for (const std::string kind : {"flat", "hnsw", "ivfpq"}) {
    CAPTURE(kind);
    Archive archive(340);
    const auto index = archive.index("", kind);
    archive.grow(400);
    for (int round = 0; round < 3; ++round) {  // states in the tail, in the index, some erased
      for (const Guard& guard : {Guard{kSpec}, Guard{kSpec, true, false, 200}, Guard{kSpec, false},
                                 Guard{kSpec, false, true}}) {
        check_many(*index, late_origins(), guard, {8, 3});
        check_many(*index, late_origins(), guard, {20, 1});
      }
      if (round == 0) REQUIRE(index->follow().ok());
      if (round == 1) REQUIRE(archive.store->erase({0, 120, 15, {}}).ok());
    }
  }
}

TEST_CASE("Analog index: many queries at once on a device are the same bits as one by one") {
  Archive archive(340);
  Behaviour behaviour;
  const auto index = archive.index("", "flat", scan_maker(behaviour));
  archive.grow(400);
  const Guard growing{kSpec}, frozen{kSpec, true, false, 200}, training{kSpec, false};
  for (int round = 0; round < 2; ++round) {  // the last 60 states in the tail, then in the index
    CAPTURE(round);
    check_calls(*index, behaviour, growing, 1);
    check_calls(*index, behaviour, frozen, 1);
    check_calls(*index, behaviour, training, 2);
    REQUIRE(index->follow().ok());
  }
  REQUIRE(archive.store->erase({0, 120, 15, {}}).ok());
  check_calls(*index, behaviour, growing, 2);
  CHECK(index->search_many(std::vector<int64_t>{399, 8}, growing, {8}).status().code() ==
        skipcast::Code::kNotFound);
}

}  // namespace
