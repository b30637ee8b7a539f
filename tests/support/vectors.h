// Embeddings for index tests, and the brute force that searches are compared with.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "retrieval/indexes/vector_index.h"

namespace skipcast::tests {

struct Vectors {
  int64_t rows = 0, dimension = 0;
  std::vector<int64_t> ids;
  std::vector<float> values;  // [rows, dimension]

  std::span<const float> row(int64_t i) const {
    return std::span(values).subspan(static_cast<size_t>(i * dimension),
                                     static_cast<size_t>(dimension));
  }
};

// A random path, as the embeddings of successive windows are: neighbours in time are near, and
// the path keeps coming back to the middle of a space of `factors` dimensions. ids 0, 1, 2, ...
inline Vectors path_vectors(int64_t rows, int64_t dimension, int64_t factors, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> mixing(static_cast<size_t>(factors * dimension));
  for (float& value : mixing) value = normal(random);
  std::vector<float> state(static_cast<size_t>(factors));
  Vectors made{rows, dimension, {}, std::vector<float>(static_cast<size_t>(rows * dimension))};
  for (int64_t i = 0; i < rows; ++i) {
    made.ids.push_back(i);
    for (float& value : state) value = 0.8f * value + 0.6f * normal(random);
    for (int64_t j = 0; j < dimension; ++j) {
      float sum = 0.02f * normal(random);
      for (int64_t f = 0; f < factors; ++f) {
        sum += state[static_cast<size_t>(f)] * mixing[static_cast<size_t>(f * dimension + j)];
      }
      made.values[static_cast<size_t>(i * dimension + j)] = sum;
    }
  }
  return made;
}

// The k nearest within the intervals by plain arithmetic in double.
inline std::vector<int64_t> brute_force(const Vectors& vectors, std::span<const float> query,
                                        int64_t k, std::span<const retrieval::Interval> allowed) {
  std::vector<std::pair<double, int64_t>> found;
  for (int64_t i = 0; i < vectors.rows; ++i) {
    const int64_t id = vectors.ids[static_cast<size_t>(i)];
    const bool inside = std::any_of(allowed.begin(), allowed.end(), [&](const auto& interval) {
      return id >= interval.begin && id < interval.end;
    });
    if (!inside) continue;
    double distance = 0;
    for (int64_t j = 0; j < vectors.dimension; ++j) {
      const double d =
          double{vectors.row(i)[static_cast<size_t>(j)]} - double{query[static_cast<size_t>(j)]};
      distance += d * d;
    }
    found.emplace_back(distance, id);
  }
  std::sort(found.begin(), found.end());
  std::vector<int64_t> ids;
  for (size_t i = 0; i < found.size() && static_cast<int64_t>(i) < k; ++i) {
    ids.push_back(found[i].second);
  }
  return ids;
}

// Share of `expected` that is among `found`.
inline double recall(std::span<const retrieval::Neighbour> found,
                     std::span<const int64_t> expected) {
  double hits = 0;
  for (const retrieval::Neighbour& neighbour : found) {
    hits += std::count(expected.begin(), expected.end(), neighbour.origin) > 0;
  }
  return expected.empty() ? 1 : hits / static_cast<double>(expected.size());
}

}  // namespace skipcast::tests
