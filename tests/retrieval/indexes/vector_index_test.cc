#include "retrieval/indexes/vector_index.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "retrieval/indexes/row_scan.h"
#include "tests/support/vectors.h"

namespace skipcast::retrieval {
namespace {

using tests::brute_force;
using tests::path_vectors;
using tests::recall;
using tests::Vectors;

std::unique_ptr<VectorIndex> filled(std::unique_ptr<VectorIndex> index, const Vectors& vectors) {
  REQUIRE(index->add(vectors.ids, vectors.values).ok());
  return index;
}

std::unique_ptr<VectorIndex> make(const std::string& kind, int64_t dimension,
                                  const HnswOptions& hnsw) {
  if (kind == "hnsw") return make_hnsw_index(dimension, hnsw);
  return kind == "ivfpq" ? make_ivfpq_index(dimension) : make_flat_index(dimension);
}

std::vector<int64_t> origins(const std::vector<Neighbour>& found) {
  std::vector<int64_t> ids;
  for (const Neighbour& neighbour : found) ids.push_back(neighbour.origin);
  return ids;
}

// Up to three random disjoint intervals, some empty, some beyond the ids.
std::vector<Interval> random_intervals(std::mt19937_64& random, int64_t last) {
  std::vector<Interval> intervals;
  int64_t at = 0;
  for (int i = 0; i < 3; ++i) {
    const int64_t begin = at + std::uniform_int_distribution<int64_t>(0, last / 2)(random);
    at = begin + std::uniform_int_distribution<int64_t>(0, last / 2)(random);
    intervals.push_back({begin, at});
  }
  return intervals;
}

const std::vector<Interval> kAll = {{0, int64_t{1} << 40}};

}  // namespace

TEST_CASE("Flat index: equals brute force under random interval filters") {
  std::mt19937_64 random(31);
  Vectors vectors = path_vectors(1500, 12, 12, 31);
  for (int64_t i = 0; i < vectors.rows; ++i) vectors.ids[static_cast<size_t>(i)] = 7 + 3 * i;
  const auto index = filled(make_flat_index(12), vectors);
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    const auto allowed = random_intervals(random, 5000);
    const int64_t k = std::uniform_int_distribution<int64_t>(1, 150)(random);
    const auto query = vectors.row(std::uniform_int_distribution<int64_t>(0, 1499)(random));
    const auto found = index->search(query, k, allowed, 0);
    REQUIRE(found.ok());
    REQUIRE(origins(*found) == brute_force(vectors, query, k, allowed));
  }
}

TEST_CASE("Flat index: ties go to the smaller id, also at the cut and with large k") {
  const int64_t rows = 1000;
  Vectors vectors{rows, 2, {}, {}};
  for (int64_t i = 0; i < rows; ++i) {
    vectors.ids.push_back(i);
    vectors.values.push_back(static_cast<float>(i * 7919 % rows % 5));
    vectors.values.push_back(0);
  }
  const auto index = filled(make_flat_index(2), vectors);
  const std::vector<Interval> allowed = {{3, 400}, {450, 990}};
  for (const int64_t k : {1, 2, 5, 50, 99, 100, 101, 187, 300, 500, 936, 937, 938, 5000}) {
    CAPTURE(k);
    const auto found = index->search_exact(vectors.row(0), k, allowed);
    REQUIRE(found.ok());
    CHECK(origins(*found) == brute_force(vectors, vectors.row(0), k, allowed));
  }
  CHECK(index->search_exact(vectors.row(0), std::numeric_limits<int64_t>::max(), allowed)->size() ==
        937);
}

TEST_CASE("Exact scan: leading columns change no bit, with ties, any ranges and any k") {
  std::mt19937_64 random(33);
  for (const int64_t dimension : {32, 40, 64}) {
    for (const int64_t repeats : {1, 7}) {  // rows that tie
      Vectors vectors = path_vectors(9000, dimension, dimension / 3, 33);
      for (int64_t i = 0; i < vectors.rows * dimension; ++i) {
        const int64_t column = i % dimension;
        const int64_t first = i / dimension / repeats * repeats;  // of the rows alike
        float& value = vectors.values[static_cast<size_t>(i)];
        value /= static_cast<float>(1 + column);
        value = vectors.values[static_cast<size_t>(first * dimension + column)];
      }
      LeadingColumns leading;
      for (const int64_t rows : {500, 1500, 1510, 9000}) {
        leading.follow(vectors.values.data(), dimension, rows);
      }
      REQUIRE(leading.rows() == 9000 / 16 * 16);
      const RowsView plain{vectors.ids, vectors.values.data(), dimension};
      const RowsView helped{vectors.ids, vectors.values.data(), dimension, &leading};
      for (int round = 0; round < 150; ++round) {
        CAPTURE(round);
        std::vector<Interval> rows = {{0, 9000}};
        if (round % 3 > 0) rows = rows_within(vectors.ids, random_intervals(random, 9000));
        const int64_t k = round % 10 == 0 ? 5000 : 1 + static_cast<int64_t>(random() % 60);
        const auto query = vectors.row(static_cast<int64_t>(random() % 9000));
        REQUIRE(scan_rows(helped, query, k, rows).value() ==
                scan_rows(plain, query, k, rows).value());
      }
    }
  }
}

TEST_CASE("Exact scan: distances that overflow or vanish are ranked all the same") {
  for (const float scale : {1e30f, 1e-30f, 0.0f}) {
    Vectors vectors = path_vectors(3000, 32, 32, 34);
    for (float& value : vectors.values) value *= scale;
    const auto index = filled(make_flat_index(32), vectors);
    const auto found = index->search_exact(vectors.row(7), 40, kAll).value();
    const RowsView plain{vectors.ids, vectors.values.data(), 32};
    const std::vector<Interval> all = {{0, 3000}};
    CHECK(found == scan_rows(plain, vectors.row(7), 40, all).value());
    CHECK(found.size() == 40);
  }
}

TEST_CASE("Flat index: an empty index or filter finds nothing, without an error") {
  const Vectors vectors = path_vectors(50, 4, 4, 1);
  const auto empty = make_flat_index(4);
  CHECK(empty->search(vectors.row(0), 3, kAll, 0)->empty());
  const auto index = filled(make_flat_index(4), vectors);
  CHECK(index->search(vectors.row(0), 3, {}, 0)->empty());
  const std::vector<Interval> beyond = {{50, 60}};
  CHECK(index->search(vectors.row(0), 3, beyond, 0)->empty());
}

TEST_CASE("HNSW index: recall@10 is at least .95 without a filter") {
  const Vectors vectors = path_vectors(8000, 32, 10, 41);
  const auto index = filled(make_hnsw_index(32), vectors);
  double sum = 0;
  int queries = 0;
  for (int64_t i = 0; i < vectors.rows; i += 97) {
    const auto found = index->search(vectors.row(i), 10, kAll, 0);
    REQUIRE(found.ok());
    REQUIRE(found->size() == 10);
    sum += recall(*found, brute_force(vectors, vectors.row(i), 10, kAll));
    ++queries;
  }
  MESSAGE("recall@10 " << sum / queries);
  CHECK(sum / queries >= 0.95);
}

TEST_CASE("HNSW index: a wider beam finds more, filters hold, exact search is exact") {
  const Vectors vectors = path_vectors(4000, 24, 24, 42);
  HnswOptions narrow;
  narrow.links = 8;
  narrow.ef_search = 10;
  const auto index = filled(make_hnsw_index(24, narrow), vectors);
  const std::vector<Interval> half = {{0, 500}, {2000, 3500}};
  double at_beam[2] = {0, 0};
  for (int64_t i = 0; i < vectors.rows; i += 97) {
    const auto query = vectors.row(i);
    const auto expected = brute_force(vectors, query, 10, half);
    for (const int beam : {0, 1}) {
      const auto found = index->search(query, 10, half, beam * 400);
      REQUIRE(found.ok());
      for (const Neighbour& n : *found) {
        REQUIRE((n.origin < 500 || (n.origin >= 2000 && n.origin < 3500)));
      }
      at_beam[beam] += recall(*found, expected) / 42;
    }
    REQUIRE(origins(*index->search_exact(query, 10, half)) == expected);
  }
  MESSAGE("recall@10 at beams 10 and 400: " << at_beam[0] << ", " << at_beam[1]);
  CHECK(at_beam[1] > 0.97);
  CHECK(at_beam[1] > at_beam[0] + 0.1);
}

TEST_CASE("Index: serialisation brings back every answer, and more rows can be added") {
  const Vectors vectors = path_vectors(2000, 16, 8, 43);
  for (const std::string kind : {"flat", "hnsw", "ivfpq"}) {
    CAPTURE(kind);
    auto index = make(kind, 16, {16, 60, 40});
    REQUIRE(
        index->add(std::span(vectors.ids).first(1500), std::span(vectors.values).first(1500 * 16))
            .ok());
    const std::string bytes = index->serialize().value();
    auto back = load_index(kind, bytes, 16, 1500);
    REQUIRE(back.ok());
    CHECK((*back)->kind() == kind);
    CHECK((*back)->serialize().value() == bytes);
    for (int64_t i = 0; i < 2000; i += 61) {
      CHECK(index->search(vectors.row(i), 20, kAll, 0).value() ==
            (*back)->search(vectors.row(i), 20, kAll, 0).value());
    }
    REQUIRE((*back)
                ->add(std::span(vectors.ids).last(500), std::span(vectors.values).last(500 * 16))
                .ok());
    CHECK((*back)->ids().size() == 2000);
    CHECK((*back)->search(vectors.row(1999), 1, kAll, 0).value()[0].origin == 1999);
  }
}

TEST_CASE("Index: bytes that do not fit are refused at every truncation and change of counts") {
  const Vectors vectors = path_vectors(60, 3, 3, 44);
  for (const std::string kind : {"flat", "hnsw", "ivfpq"}) {
    CAPTURE(kind);
    const auto index = filled(make(kind, 3, {4, 20, 10}), vectors);
    const std::string bytes = index->serialize().value();
    for (size_t size = 0; size < bytes.size(); ++size) {
      REQUIRE_FALSE(load_index(kind, std::string_view(bytes).substr(0, size), 3, 60).ok());
    }
    CHECK_FALSE(load_index(kind, bytes + "x", 3, 60).ok());
    CHECK_FALSE(load_index(kind, bytes, 4, 60).ok());
    CHECK_FALSE(load_index(kind, bytes, 3, 59).ok());
    CHECK_FALSE(load_index(kind == "flat" ? "hnsw" : "flat", bytes, 3, 60).ok());
    CHECK(load_index("tree", bytes, 3, 60).status().code() == Code::kUsage);
  }
}

TEST_CASE("HNSW index: no changed byte crashes a load or a search, even without a checksum") {
  const Vectors vectors = path_vectors(60, 3, 3, 45);
  const auto index = filled(make_hnsw_index(3, {4, 20, 10}), vectors);
  const std::string bytes = index->serialize().value();
  int refused = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0xff);
    auto loaded = load_index("hnsw", damaged, 3, 60);
    refused += !loaded.ok();
    if (loaded.ok()) REQUIRE((*loaded)->search(vectors.row(5), 10, kAll, 0).ok());
  }
  CHECK(refused > 0);
}

TEST_CASE("Index: ids that do not increase, wrong sizes and values not finite are refused whole") {
  const Vectors vectors = path_vectors(10, 4, 4, 46);
  for (const std::string kind : {"flat", "hnsw", "ivfpq"}) {
    CAPTURE(kind);
    const auto index = filled(make(kind, 4, {}), vectors);
    const std::vector<int64_t> again = {9}, twice = {10, 10}, next = {10};
    std::vector<float> one = {1, 2, 3, 4}, two(8, 1.0f);
    CHECK(index->add(again, one).code() == Code::kUsage);
    CHECK(index->add(twice, two).code() == Code::kUsage);
    CHECK(index->add(next, two).code() == Code::kUsage);
    for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
      one[2] = bad;
      CHECK(index->add(next, one).code() == Code::kBadInput);
      CHECK(index->search(one, 1, kAll, 0).status().code() == Code::kBadInput);
    }
    CHECK(index->search(two, 1, kAll, 0).status().code() == Code::kUsage);
    CHECK(index->search(vectors.row(0), 0, kAll, 0).status().code() == Code::kUsage);
    CHECK(index->ids().size() == 10);
    CHECK(index->add({}, {}).ok());
  }
}

}  // namespace skipcast::retrieval
