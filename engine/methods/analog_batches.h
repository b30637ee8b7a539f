// One step of fine-tuning, in parts: which analogs, which starts, which loss. Internal to
// fine_tuner.cc. Everything random is a function of (seed, step).
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

// The contexts as the network sees them: encoded, and told of the retrieved futures.
std::vector<at::Tensor> conditioning_of(Network& network, const FineTuningBatch& batch);

// The denoising loss of `batch` (engine/training/batches.h) with what was retrieved.
at::Tensor conditioned_loss(Network& network, const FineTuningBatch& batch, const Task& task,
                            int64_t step);

// How a one-step model makes the ensembles that are scored.
struct OneStepPass {
  int64_t step = 0;
  int64_t evaluations = 1;            // 1 or 2
  bool cold = true;                   // from noise at sigma_max, else from noised analogs
  std::optional<double> entry_sigma;  // none: a draw between 0.5 and 20 for each window
};
struct OneStepLoss {
  at::Tensor total, crps;  // the latter a part of it: fair, in normalised units
};
OneStepLoss one_step_loss(Network& network, const FineTuningBatch& batch, const Task& task,
                          const TargetSpace& target, const OneStepPass& pass);

}  // namespace skipcast::engine
