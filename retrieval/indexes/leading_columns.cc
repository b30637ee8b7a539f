#include "retrieval/indexes/leading_columns.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace skipcast::retrieval {
namespace {

constexpr int64_t kColumns = LeadingColumns::kColumns;
constexpr int64_t kBlockRows = LeadingColumns::kBlockRows;

// What a kernel works on: blocks[count, kColumns, kBlockRows] and a query's kColumns values.
struct Work {
  const float* blocks;
  const float* query;
  int64_t count;
};

// One value for each row of a block, in vector registers (GCC's and Clang's vector extension).
using Lanes = float __attribute__((vector_size(kBlockRows * sizeof(float))));

// What stands at `values`, whatever its alignment, less `from`. (Lanes as a result would warn.)
inline __attribute__((always_inline)) void subtract(const float* values, float from, Lanes& out) {
  std::memcpy(&out, values, sizeof out);
  out -= from;
}

// The loop of every kernel; compiled for several instruction sets.
inline __attribute__((always_inline)) void bound_blocks(const Work& work, float* out,
                                                        float* least) {
  for (int64_t block = 0; block < work.count; ++block) {
    const float* values = work.blocks + block * kColumns * kBlockRows;
    Lanes even = {}, odd = {};  // two chains of additions
    for (int64_t column = 0; column < kColumns; column += 2) {
      Lanes a, b;
      subtract(values + column * kBlockRows, work.query[column], a);
      subtract(values + (column + 1) * kBlockRows, work.query[column + 1], b);
      even += a * a;
      odd += b * b;
    }
    even += odd;
    std::memcpy(out + block * kBlockRows, &even, sizeof even);
    float smallest = even[0];
    for (int64_t row = 1; row < kBlockRows; ++row) {
      smallest = even[row] < smallest ? even[row] : smallest;
    }
    least[block] = smallest;
  }
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void bound_avx2(const Work& work, float* out, float* least) {
  bound_blocks(work, out, least);
}
bool has_avx2() {
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return has;
}
#endif

void bound_any(const Work& work, float* out, float* least) {
#if defined(__x86_64__)
  if (has_avx2()) return bound_avx2(work, out, least);
#endif
  bound_blocks(work, out, least);
}

}  // namespace

void LeadingColumns::choose(const float* vectors, int64_t dimension, int64_t rows) {
  std::vector<double> spread;
  for (int64_t column = 0; column < dimension; ++column) {
    double sum = 0, squares = 0;
    for (int64_t row = 0; row < rows; ++row) {
      const double value = vectors[row * dimension + column];
      sum += value;
      squares += value * value;
    }
    spread.push_back(squares - sum * sum / static_cast<double>(rows));
  }
  std::vector<int64_t> order(static_cast<size_t>(dimension));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return spread[static_cast<size_t>(a)] > spread[static_cast<size_t>(b)];
  });
  std::copy_n(order.begin(), kColumns, columns_.begin());
  double carried = 0;
  for (const int64_t column : columns_) carried += spread[static_cast<size_t>(column)];
  share_ = carried / std::max(1e-300, std::accumulate(spread.begin(), spread.end(), 0.0));
}

void LeadingColumns::follow(const float* vectors, int64_t dimension, int64_t rows) {
  if (dimension < kDimensionMin || rows < kRowsMin) return;
  if (values_.empty()) choose(vectors, dimension, rows);
  const int64_t first = this->rows() / kBlockRows, end = rows / kBlockRows;
  values_.resize(static_cast<size_t>(end * kBlockRows * kColumns));
  for (int64_t block = first; block < end; ++block) {
    float* to = values_.data() + block * kBlockRows * kColumns;
    const float* from = vectors + block * kBlockRows * dimension;
    for (int64_t row = 0; row < kBlockRows; ++row) {
      for (int64_t column = 0; column < kColumns; ++column) {
        to[column * kBlockRows + row] =
            from[row * dimension + columns_[static_cast<size_t>(column)]];
      }
    }
  }
}

void LeadingColumns::reserve(int64_t dimension, int64_t rows) {
  if (dimension >= kDimensionMin) values_.reserve(static_cast<size_t>(rows * kColumns));
}

void LeadingColumns::bound(const float* query, int64_t first, int64_t count,
                           const Bounds& bounds) const {
  float wanted[kColumns];
  for (size_t i = 0; i < columns_.size(); ++i) wanted[i] = query[columns_[i]];
  bound_any({values_.data() + first * kBlockRows * kColumns, wanted, count}, bounds.out,
            bounds.least);
}

}  // namespace skipcast::retrieval
