// Principal components of a sample, with the same bits on any number of threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace skipcast::retrieval {

struct Pca {
  int64_t dimension = 0, components = 0;
  std::vector<float> mean;        // [dimension]
  std::vector<float> directions;  // [dimension, components], orthonormal columns, leading first
};

// The leading `components` principal directions of values[rows, dimension], all finite, by
// subspace iteration (Halko, Martinsson, Tropp, SIAM Review 53, 2011, algorithm 4.4) from a fixed
// start. Every sum runs in a fixed order, so threads change nothing. `values` is overwritten by
// its centred self. REQUIRES: 1 <= components <= min(rows - 1, dimension). About
// 32 * rows * dimension * (components + 8) multiplications.
Pca fit_pca(std::span<float> values, int64_t rows, int64_t dimension, int64_t components);

// The coordinates of x[dimension] into out[components]; NaN when x has one.
void project(const Pca& pca, const float* x, float* out);

}  // namespace skipcast::retrieval
