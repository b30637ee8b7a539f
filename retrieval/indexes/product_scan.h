// Exact search of many queries at once by one matrix product: what the product cannot rule out,
// whatever its rounding, is ranked by the distances of a scan, so that the bits are a scan's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "retrieval/indexes/row_scan.h"

namespace skipcast::retrieval {

struct ProductQuery {
  std::span<const float> embedding;
  std::vector<Interval> rows;  // what it may see: row ranges, increasing and disjoint
};

// Fewer queries are as fast one by one; neighbours at most.
constexpr int64_t kProductQueriesMin = 8;
constexpr int64_t kProductNeighboursMax = 2048;

// For each query what scan_rows() gives, bit by bit; it costs what one raw FAISS call for all the
// queries does. Queries whose neighbours the product cannot tell apart (thousands of rows at one
// distance, values near the limits of a float) are scanned. kUsage and kBadInput as check_query();
// kIo when the libraries fail. On all threads; 4 KiB a query and 24 bytes for each of its k.
// REQUIRES: 1 <= k <= kProductNeighboursMax.
Result<std::vector<std::vector<Neighbour>>> scan_product(const RowsView& view,
                                                         std::span<const ProductQuery> queries,
                                                         int64_t k);

}  // namespace skipcast::retrieval
