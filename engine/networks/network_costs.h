// What a network costs, as functions of its options and of the shape of its batches: arithmetic,
// and memory that a pass keeps for the way back. Estimates that a plan is made by
// (engine/training/plan.h), right to within a factor of 1.5. Pure functions, thread-safe.
#pragma once

#include <cstdint>

#include "engine/networks/network.h"

namespace skipcast::engine {

// Of one row of a batch, forward.
struct NetworkCost {
  double encode_flops = 0, denoise_flops = 0;  // the way back takes twice as many
  double encode_bytes = 0, denoise_bytes = 0;  // kept for the way back
  double working_bytes = 0;                    // of denoising without one
  double parameters = 0;
  int64_t attending = 0;  // tokens that look at each other
};

NetworkCost network_cost(const NetworkOptions& options, const NetworkShape& shape);

}  // namespace skipcast::engine
