// A copy of a task's trained network (engine/models/network_copy.h) that is trained on: what the
// methods `one-step` and `conditioned` share. The model itself is not touched. Internal to
// engine/methods.
//
// models/<task>.<kind>.safetensors is written durably at the end, with the weights (an exponential
// mean over steps) that scored best on validation windows.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/methods/analog_batches.h"
#include "engine/models/model_file.h"
#include "engine/models/network_copy.h"
#include "engine/training/method.h"

namespace skipcast::engine {

inline constexpr int64_t kFinalPasses = 2;  // over the validation windows, other noise each

// Means over validation windows; lower is better.
struct HeldOutLoss {
  double loss = 0;
  double crps = 0;  // of a one-step model: fair, normalised units
};

// What a copy is worth on validation windows, by the loss that it was trained on.
struct CopyScore {
  std::string start;          // "cold", "analog"; of a conditioned copy "chain"
  HeldOutLoss with, without;  // retrieved futures; the same value where it has no retrieval
};

class CopyFit {
 public:
  // Both must outlive it.
  CopyFit(const storage::SeriesStore& store, const TrainRequest& request, const char* kind,
          int64_t evaluations);

  // Reads the model. Errors of read_model().
  Result<TrainingOrigin> open();
  // Finds the analogs of all windows and makes the copy.
  Status prepare();
  TrainingStage stage();
  // Retrieval is dropped for a quarter of the windows.
  FineTuningBatch batch(int64_t step) { return batches_->batch(step, /*drop=*/true); }
  Network& network() { return *network_; }
  Network& average() { return *average_; }
  const Task& task() const { return task_; }
  const TargetSpace& target() const { return base_.parts.target; }

  // Of the averaged weights, with the same noise every time.
  using LossOf = std::function<HeldOutLoss(const FineTuningBatch&, int64_t step)>;
  HeldOutLoss held_out(bool with_retrieval, int64_t passes, const LossOf& loss);

  // Writes the copy with the averaged weights, and completes the report.
  Status finish(const std::vector<CopyScore>& scores, TrainReport& report);

 private:
  Status find_analogs(const std::vector<int64_t>& training, const std::vector<int64_t>& held_out);
  void describe(const std::vector<CopyScore>& scores, TrainReport& report) const;

  const storage::SeriesStore& store_;
  const TrainRequest& request_;
  CopyInfo info_;
  StoredModel base_;
  CopyHome home_;
  Task task_;  // with a copy's batch
  std::unique_ptr<Dataset> dataset_;
  std::optional<AnalogTable> training_analogs_, held_out_analogs_;
  std::unique_ptr<FineTuningSource> batches_, held_out_;
  std::shared_ptr<Network> network_, average_;
  int64_t held_out_steps_ = 0;
};

}  // namespace skipcast::engine
