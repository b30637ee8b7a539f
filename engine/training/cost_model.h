// What a training of a task costs: arithmetic, memory and, by a rate, seconds. Estimates; pure
// functions, thread-safe. Internal to engine.
#pragma once

#include <cstdint>

#include "engine/networks/network_costs.h"

namespace skipcast::engine {

// A batch's pass that would keep more than this for the way back is taken in parts, one after the
// other, whose gradients add up (batches.h). A function of the task and of the kind of device
// alone: the same bits whatever --memory and whatever is free.
inline constexpr double kPartBytes = 256e6;
inline constexpr double kPartBytesGpu = 8e9;

struct TrainingCost {
  double window_flops = 0;      // of one context with its draws, there and back
  double window_bytes = 0;      // that its pass keeps
  int64_t windows_at_once = 1;  // of a part
  double part_bytes = 0;        // that a part keeps
  double fixed_bytes = 0;       // weights, gradients, moments, averages, best weights
  double validation_flops = 0;  // of one validation
};
TrainingCost training_cost(const Task& task, const NetworkShape& shape, bool gpu = false);

// Windows of a validation that are solved at once: no bits depend on it.
int64_t validation_windows_at_once(const NetworkOptions& options, const NetworkShape& shape);

// What an ordinary core does, and a GPU: only for choosing. `threads` of them.
double nominal_flops_a_second(int64_t threads, bool gpu);

// The shape of a task's batches before anything is fitted; places are not described.
NetworkShape planning_shape(const Task& task, const storage::Schema& schema);

}  // namespace skipcast::engine
