// Training a task's learned metric (`--key learned`): weights of features of context and mean
// forecast by which past windows are compared (metric_fit.h says what is minimised).
//
// Fitted on validation windows, whose mean forecasts the network never saw the futures of: fitted
// on training windows a metric trusts the mean forecast more than it deserves. Analogs come from
// all that ended before a window (DESIGN decision 6, with the tuning band). Each half of the
// validation part is fitted on alone and judged on the other; the metric that is written is fitted
// on both, and keeps its start (nearly the forecast key) where neither half gained.
//
// models/<task>.metric.safetensors is written durably at the end; a run that stops before leaves
// what there was. The same seed and number of steps give the same bits on one number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/data/compute.h"
#include "engine/keys/metric_score.h"
#include "storage/progress.h"
#include "storage/series/series_store.h"

namespace skipcast::engine {

class Model;

struct MetricRequest {
  std::string task;
  double minutes = 0;     // > 0 bounds the time of the steps, not of what they need; default 3
  int64_t steps_max = 0;  // > 0 overrides the default of 200 steps a fit; alone it rules alone
  int64_t threads = 0;    // intra-op threads; 0 = all cores
  int64_t memory_bytes = storage::kMemoryBytesDefault;  // of the indexes
  Progress progress;                                    // "metric: ...", detail: what is counted
};

struct MetricReport {
  int64_t steps = 0, anchors = 0;
  double seconds = 0;
  bool gained = false;  // on the halves of the validation part that it was not fitted on
  // On windows of the second half of the validation part; the learned key as fitted on the first.
  KeyWorth context, forecast, learned;
  int64_t held_out = 0;           // those windows
  double windows_per_second = 0;  // embedded by the learned key, mean forecasts at hand
  struct Share {
    std::string group;
    double share = 0;
  };
  std::vector<Share> shares;  // of the mean squared distance, largest first
  std::string metric_path;
};

// Model::load's errors; kBadInput when the validation part is too short; kInterrupted when
// progress said stop.
Result<MetricReport> train_metric(const storage::SeriesStore& store, const MetricRequest& request);

// The same with a model at hand (tests).
Result<MetricReport> train_metric(const storage::SeriesStore& store,
                                  std::shared_ptr<const Model> model, const MetricRequest& request);

}  // namespace skipcast::engine
