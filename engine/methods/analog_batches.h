// Batches of windows with their analogs, on which copies of a network are trained. Everything
// random is a function of (seed, step). Internal to engine/methods.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/data/retrieved_futures.h"
#include "engine/keys/analog_table.h"
#include "engine/models/network_copy.h"
#include "engine/training/batches.h"

namespace skipcast::engine {

inline constexpr int64_t kOneStepMembers = 8;  // of an ensemble in training
inline constexpr int64_t kAnalogPool = 16;     // from which its analogs are assigned

struct FineTuningBatch {
  TrainingBatch training;
  std::optional<RetrievedBatch> retrieved;  // info.neighbours of each; weights 0 where dropped
  at::Tensor starts;  // [B, members, T_out, V, P] in target space; undefined without retrieval
};

// Uniform in (0, 1), keyed by (the task's seed, purpose, row, step).
double uniform_draw(const Task& task, int64_t purpose, int64_t row, int64_t step);

// Makes batches of windows.
class FineTuningSource {
 public:
  // `analogs` null: no retrieval at all; else windows without analogs are left out. The data set,
  // the target space and the analogs must outlive it.
  FineTuningSource(const Dataset& dataset, const TargetSpace& target, const AnalogTable* analogs,
                   const CopyInfo& info, std::vector<int64_t> origins);
  // Retrieval is dropped for a quarter of the windows (`drop`), else for none.
  FineTuningBatch batch(int64_t step, bool drop);

 private:
  // Futures of some of the analogs, moved to the query's last observation.
  at::Tensor starts(const RetrievedBatch& analogs, const at::Tensor& last, int64_t step) const;

  const Dataset& dataset_;
  const TargetSpace& target_;
  const AnalogTable* analogs_;
  const CopyInfo info_;
  BatchSource batches_;
};

// The contexts as the network sees them: encoded, conditioned on the retrieved futures.
std::vector<at::Tensor> conditioning_of(Network& network, const FineTuningBatch& batch);

}  // namespace skipcast::engine
