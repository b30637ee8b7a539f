// Many queries of an index on a device in few calls, though the guard lets each see other rows:
// what all queries of a group may see is searched there for all of them at once, and the few rows
// that one of them may see beside it are scanned here.
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
// searched exactly on a device, or not for so many, or no other query may see about the same.
// Errors: of the index. On all threads; searches may run together.
Result<std::vector<std::vector<Neighbour>>> search_batch(const VectorIndex& index,
                                                         std::span<const BatchQuery> queries,
                                                         int64_t count);

}  // namespace skipcast::retrieval
