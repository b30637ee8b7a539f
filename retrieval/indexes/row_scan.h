// Exact search over ranges of rows, shared by the index kinds; the checks they share.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "retrieval/indexes/leading_columns.h"
#include "retrieval/indexes/vector_index.h"

namespace skipcast::retrieval {

// Rows of an index: ids[rows] increasing, vectors[rows, dimension], perhaps some columns of them
// once more to make scans faster. A view.
struct RowsView {
  std::span<const int64_t> ids;
  const float* vectors = nullptr;
  int64_t dimension = 0;
  const LeadingColumns* leading = nullptr;
};

// What a scan looks for.
struct ScanQuery {
  std::span<const float> embedding;
  int64_t k = 0;
  float farthest = std::numeric_limits<float>::infinity();
};

// The rows whose id lies in one of the increasing, disjoint `allowed` intervals, as row ranges.
std::vector<Interval> rows_within(std::span<const int64_t> ids, std::span<const Interval> allowed);

// The k nearest of the given row ranges, nearest first, ties by smaller id; distances are FAISS's
// own (fvec_L2sqr), bit by bit. Without leading columns, or where they tell nothing, it costs what
// one raw FAISS call over the same rows does; where they carry most of a distance, a fifth or less.
Result<std::vector<Neighbour>> scan_rows(const RowsView& view, std::span<const float> query,
                                         int64_t k, std::span<const Interval> rows);
// The same, but rows farther than `farthest` need not be among them.
Result<std::vector<Neighbour>> scan_rows_within(const RowsView& view, const ScanQuery& query,
                                                std::span<const Interval> rows);

// About how long a row of a long scan takes, for plans: with leading columns that tell, mostly
// their bound.
inline double scan_row_ns(const RowsView& view) {
  const bool quick = view.leading != nullptr && view.leading->tell();
  return quick ? 3.0 : 0.5 * static_cast<double>(view.dimension);
}

// What every add() demands: increasing ids beyond the last one, right size, finite vectors.
Status check_added(const RowsView& present, std::span<const int64_t> ids,
                   std::span<const float> vectors);
// What every search demands: the query's size, finite values, k >= 1.
Status check_query(int64_t dimension, std::span<const float> query, int64_t k);

// Sorts nearest first, ties by smaller id, and keeps the k first.
void keep_nearest(std::vector<Neighbour>& found, int64_t k);

}  // namespace skipcast::retrieval
