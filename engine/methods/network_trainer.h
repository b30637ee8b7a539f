// Training a task's network: EDM loss (Karras et al. 2022, table 1), AdamW, cosine, EMA, gradient
// clipping; validation by few-step ensemble scores (fair CRPS at a few NFE), best weights kept.
//
// Writes models/<task>.safetensors + .json when a better validation score is seen (durably), a
// checkpoint models/<task>.checkpoint.safetensors every minute and at the end, and one JSON line
// per report to models/<task>.log.jsonl. Resuming from a checkpoint continues with the same bits
// as an uninterrupted run of the same number of steps (batches, sigmas and noise are functions of
// (seed, step); the optimiser's state is in the checkpoint).
#pragma once

#include <cstdint>
#include <string>

#include "engine/data/compute.h"
#include "engine/data/task.h"
#include "storage/progress.h"
#include "storage/series/series_store.h"

namespace skipcast::engine {

struct TrainRequest {
  std::string task;
  double minutes = 0;             // > 0 overrides the task's
  int64_t steps_max = 0;          // > 0 overrides the task's
  bool described_places = false;  // the network is told of places, for `skipcast transfer`
  bool resume = false;            // continue from the checkpoint; kNotFound when there is none
  int64_t threads = 0;            // intra-op threads; 0 = all cores
  Compute compute;                // weights, sums and optimiser stay float32 whatever the precision
  Progress progress;              // "train", detail: step, loss, validation CRPS
};

struct TrainReport {
  int64_t steps = 0, best_step = 0, parameters = 0;
  double seconds = 0, loss = 0;
  double validation_crps = 0;  // fair, normalised units, of the best weights
  std::string model_path;
};

// kInterrupted when progress said stop: the checkpoint is written first.
Result<TrainReport> train(const storage::SeriesStore& store, const TrainRequest& request);

// Trains the folds (folds.h) of the model that the task has, with its options, and adds them to it:
// forecasts from cold starts stay as they are; to copies, metric and policies it is another model.
// The minutes (of the task unless given) are shared by the folds, the steps are each one's. The
// report has sums over the folds; loss and CRPS are means. Never resumed: kInterrupted leaves the
// model as it was. Model::load's errors.
Result<TrainReport> cross_fit(const storage::SeriesStore& store, const TrainRequest& request);

}  // namespace skipcast::engine
