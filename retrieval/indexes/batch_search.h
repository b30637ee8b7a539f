// Many queries of an index at once, though the guard lets each see other rows. On the CPU one
// matrix product tells which rows to look at (product_scan.h). On a device, what all queries of a
// group may see is searched for all of them in one call, and the few rows that one of them may see
// beside it are scanned here.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "retrieval/indexes/vector_index.h"

namespace skipcast::retrieval {

struct BatchQuery {
  std::span<const float> embedding;
  std::vector<Interval> allowed;  // ids, increasing and disjoint
};

// For each query the `count` nearest of what it may see, or all of it where it is less, as
// search_exact() gives them. Nothing for a query that had better ask alone: the index is not
// searched exactly, or not for so many, or the queries are few, or on a device no other one may see
// about the same.
// Errors: of the index. On all threads; searches may run together.
Result<std::vector<std::vector<Neighbour>>> search_batch(const VectorIndex& index,
                                                         std::span<const BatchQuery> queries,
                                                         int64_t count);

}  // namespace skipcast::retrieval
