// Many queries by one matrix product: the bits of a scan for each, whatever the product rounds.
#include "retrieval/indexes/product_scan.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

namespace {

using namespace skipcast::retrieval;

// Normal values about `mean`; of every `copies` rows all but the first are copies of it.
struct Scene {
  int64_t width, rows;
  std::vector<int64_t> ids;
  std::vector<float> vectors;

  struct Shape {
    int64_t width, rows, copies = 1;
    float mean = 0, spread = 1;
  };
  explicit Scene(const Shape& shape) : width(shape.width), rows(shape.rows) {
    std::mt19937_64 random(11);
    std::normal_distribution<float> normal(shape.mean, shape.spread);
    for (int64_t row = 0; row < rows; ++row) {
      ids.push_back(3 * row + 1);
      for (int64_t column = 0; column < width; ++column) {
        const size_t above = vectors.size() - static_cast<size_t>(width);
        vectors.push_back(row % shape.copies == 0 ? normal(random) : vectors[above]);
      }
    }
  }
  RowsView view() const { return {ids, vectors.data(), width}; }
  std::span<const float> row(int64_t number) const {
    return std::span(vectors).subspan(static_cast<size_t>(number * width),
                                      static_cast<size_t>(width));
  }
  // Queries at different origins: each sees what lies 20 rows before it, and some what lies behind.
  std::vector<ProductQuery> queries(int64_t count) const {
    std::vector<ProductQuery> all;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t at = (i * 7919 + 40) % rows;
      all.push_back({row(at), {}});
      if (at > 20) all.back().rows.push_back({0, at - 20});
      if (i % 3 == 0 && at + 21 < rows) all.back().rows.push_back({at + 21, rows});
    }
    return all;
  }
  void check(const std::vector<ProductQuery>& queries, int64_t k) const {
    const auto found = scan_product(view(), queries, k).value();
    REQUIRE(found.size() == queries.size());
    for (size_t i = 0; i < queries.size(); ++i) {
      CAPTURE(i);
      CHECK(found[i] == scan_rows(view(), queries[i].embedding, k, queries[i].rows).value());
    }
  }
};

TEST_CASE("Product scan: random rows, at different origins, give the bits of a scan") {
  for (const int64_t width : {1, 5, 64, 130}) {
    CAPTURE(width);
    const Scene scene({width, 3100});
    for (const int64_t k : {1, 32, 256}) scene.check(scene.queries(37), k);
    scene.check(scene.queries(3), kProductNeighboursMax);  // more than some may see
  }
}

TEST_CASE("Product scan: copies and ties come by the smaller id") {
  for (const int64_t copies : {2, 50, 20000}) {  // of the last more than are kept: scanned
    CAPTURE(copies);
    const Scene scene({16, 20000, copies});
    scene.check(scene.queries(9), 33);
  }
}

TEST_CASE("Product scan: rows far from the origin, where the product rounds distances away") {
  for (const float mean : {10.0f, 1000.0f, 1e6f}) {
    CAPTURE(mean);
    const Scene scene({48, 12000, 1, mean});
    scene.check(scene.queries(12), 20);
  }
}

TEST_CASE("Product scan: values near the limits of a float") {
  for (const float spread : {1e19f, 1e18f, 1e-19f, 1e-24f, 0.0f}) {
    CAPTURE(spread);
    const Scene scene({8, 2500, 1, 0, spread});
    scene.check(scene.queries(10), 12);
  }
}

TEST_CASE("Product scan: narrow and many ranges, and none") {
  const Scene scene({24, 5000});
  std::vector<ProductQuery> queries = {{scene.row(7), {}},
                                       {scene.row(8), {{1023, 1025}}},
                                       {scene.row(9), {{4999, 5000}}},
                                       {scene.row(10), {{0, 5000}}}};
  queries.push_back({scene.row(11), {}});
  for (int64_t at = 0; at < 4900; at += 11) queries.back().rows.push_back({at, at + 3});
  scene.check(queries, 15);
  CHECK(scan_product(scene.view(), {}, 5).value().empty());
}

TEST_CASE("Product scan: refuses queries that are not finite, or of another size") {
  const Scene scene({4, 50});
  std::vector<ProductQuery> queries = scene.queries(2);
  const std::vector<float> bad = {1, NAN, 0, 2};
  queries.push_back({bad, {{0, 9}}});
  CHECK(scan_product(scene.view(), queries, 5).status().code() == skipcast::Code::kBadInput);
  queries.back().embedding = std::span(bad).first(3);
  CHECK(scan_product(scene.view(), queries, 5).status().code() == skipcast::Code::kUsage);
}

}  // namespace
