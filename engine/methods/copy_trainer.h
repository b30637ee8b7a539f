// Fine-tuning a copy of a task's trained network for a role (engine/models/network_copy.h).
//
// conditioned: the denoising loss, with retrieved futures as input. one-step model: proper scores
// of small ensembles that the copy makes in one evaluation (or two, the second after new noise)
// from pure noise and from noised analogs in turn. For a quarter of the windows retrieval is
// dropped, so that one network serves with and without it. The model itself is not touched.
//
// models/<task>.<role>.safetensors is written durably at the end, with the weights (an exponential
// mean over steps) that scored best on validation windows; a run that stops before changes nothing.
// Batches, noise and levels are functions of (the task's seed, step): the same number of steps
// gives the same bits on one number of threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/data/compute.h"
#include "engine/models/model.h"
#include "engine/settings/forecast_options.h"
#include "storage/progress.h"
#include "storage/series/series_store.h"

namespace skipcast::engine {

struct FineTuneRequest {
  std::string task;
  std::string copy = kOneStepCopy;   // the kind, by name
  bool retrieval = true;             // false: a copy that sees no retrieved futures
  KeyKind key = KeyKind::kForecast;  // by which they are found
  double key_mix = 0.5;
  int64_t evaluations = 1;  // of a one-step model: 1 or 2
  double minutes = 0;       // > 0 overrides the default of 10
  int64_t steps_max = 0;    // > 0 alone rules alone
  int64_t threads = 0;      // intra-op threads; 0 = all cores
  Compute compute;          // float32, whatever its precision
  Progress progress;        // the kind, detail: step, loss
};

// What the copy is worth on validation windows, by the loss it was trained on; lower is better.
struct FineTuneScore {
  std::string start;                       // "cold", "analog"; of an informed copy "chain"
  double without = 0;                      // retrieval
  double with = 0;                         // the same value where it has none
  double crps_without = 0, crps_with = 0;  // of a one-step model: fair, normalised units
};

struct FineTuneReport {
  int64_t steps = 0, best_step = 0, parameters = 0;
  double seconds = 0, loss = 0;
  std::vector<FineTuneScore> scores;
  // Mean distance of what it is told of, not squared: training windows' analogs, as they would have
  // been in operation, and validation windows'. 0 without retrieval. They should be alike: a
  // network that trained on nearer ones trusts them too much.
  double training_distance = 0, validation_distance = 0;
  std::string path;
};

// Model::load's errors; kUsage for another number of evaluations; kInterrupted when progress said
// stop.
Result<FineTuneReport> fine_tune(const storage::SeriesStore& store, const FineTuneRequest& request);

}  // namespace skipcast::engine
