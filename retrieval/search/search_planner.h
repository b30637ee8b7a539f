// The search planner (DESIGN decision 6): one search over an index whose rows a guard restricts,
// so planned that k asked is k returned and few allowed rows cost no recall.
#pragma once

#include <cstdint>
#include <span>

#include "retrieval/search/analog_index.h"

namespace skipcast::retrieval {

// The rows of a search: an index, and beside it some that it has not reached yet.
struct SearchedRows {
  const VectorIndex& index;
  RowsView tail;
};

struct PlannedQuery {
  std::span<const float> embedding;
  std::span<const Interval> allowed;  // ids in the index, increasing and disjoint
  int64_t crowd = 0;  // forbidden rows that may lie nearer than any allowed one (windows that
                      // overlap the query's): an approximate search has to look past them
  std::span<const Interval> allowed_tail = {};  // ids in the tail
  std::span<const Neighbour> known = {};  // the nearest of `allowed` as search_exact() gives them,
                                          // where they are known: of so many none need be asked for
};

// As many as a plan asks for in its first two rounds: what is worth knowing beforehand.
int64_t worth_knowing(const SearchOptions& options);

// "exact": flat indexes; else when scanning the allowed rows costs no more than the approximate
// search that the index would need (VectorIndex::approach). "ann": nothing is forbidden; beam as
// configured, or k if larger. "ann-wide": the beam is widened for what the guard forbids. An
// approximate search that comes back short is redone exactly. Separation: more and more neighbours
// are fetched until k are far enough apart, taken greedily from the nearest, or none are left.
// Returns fewer than k only when there are no more; the caller judges. The tail is scanned exactly
// each time and merged: a row counts the same wherever it lies. Errors: of the index.
Result<AnalogResult> plan_search(const SearchedRows& rows, const PlannedQuery& query,
                                 const SearchOptions& options);

// The nearest k of `found` (nearest first) that lie at least `separation` apart.
std::vector<Neighbour> pick_separated(std::span<const Neighbour> found, int64_t k,
                                      int64_t separation);

}  // namespace skipcast::retrieval
