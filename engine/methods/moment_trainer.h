// Training the moment heads of a task that is trained already: the network itself is frozen, so
// that its forecasts by the other solvers keep their bits. Heads belong to one set of weights;
// training the task anew drops them.
//
// Heads and network are written together as models/<task>.safetensors, durably, at the end; a run
// that stops before leaves the model as it was. Batches, noise levels and noise are functions of
// (the task's seed, step): the same number of steps gives the same bits on one number of threads.
#pragma once

#include <cstdint>
#include <string>

#include "engine/data/compute.h"
#include "storage/progress.h"
#include "storage/series/series_store.h"

namespace skipcast::engine {

struct MomentsRequest {
  std::string task;
  double minutes = 0;     // > 0 overrides the default of 4
  int64_t steps_max = 0;  // > 0 overrides the default of 20000; alone it rules alone
  int64_t threads = 0;    // intra-op threads; 0 = all cores
  Compute compute;        // float32, whatever its precision
  Progress progress;      // "moments", detail: step, loss
};

struct MomentsReport {
  int64_t steps = 0, parameters = 0;  // parameters: of the heads
  double seconds = 0;
  // On validation windows: of the heads, and of the best variance and skewness that are the same
  // for every value and noise level.
  double loss = 0, loss_constant = 0;
  std::string model_path;
};

// Model::load's errors; kInterrupted when progress said stop.
Result<MomentsReport> train_moments(const storage::SeriesStore& store,
                                    const MomentsRequest& request);

}  // namespace skipcast::engine
