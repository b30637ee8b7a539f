// What retrieval tells a network: the contexts and realised futures of the windows most like the
// query's, as tensors. The idea of conditioning on them is RATD's (Liu et al. 2024) and Re-Imagen's
// (Chen et al. 2023), METHODS section 8; which windows may be asked is the leakage guard's decision
// alone (retrieval/search/guard.h). Pure functions, thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/data/target_space.h"
#include "retrieval/indexes/vector_index.h"

namespace skipcast::engine {

// K analogs of each of B queries. No order among them matters to a network.
struct RetrievedBatch {
  at::Tensor futures;   // [B, K, T_out, V, P] in target space, each about its own last observation
  at::Tensor mismatch;  // [B, K, T_in, V, P] the targets' contexts less the query's, normalised
  at::Tensor facts;     // [B, K, 2] distance in units of the usual one; ln of the age in windows
  at::Tensor weight;    // [B] how much they count: 0 = as if there were none
};

// `analogs` [B * K], K at least 1: those of queries[0] first; their distances are not squared.
// `distance_scale` > 0 is what a usual distance is. Weights are 1. Missing values of a future are
// filled forward from its origin.
RetrievedBatch retrieved_batch(const Dataset& dataset, const TargetSpace& target,
                               std::span<const int64_t> queries,
                               std::span<const retrieval::Neighbour> analogs,
                               double distance_scale);

}  // namespace skipcast::engine
