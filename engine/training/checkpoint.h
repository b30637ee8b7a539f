// A training run's state on disk: everything a resumed run needs to continue with the same bits.
// Internal to engine.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/data/task.h"
#include "storage/status.h"

namespace skipcast::engine {

// What a stage of the training came to.
struct StageResult {
  int64_t steps = 0, best_step = 0, parameters = 0;
  double seconds = 0, loss = 0, best_shown = 0;
};

struct TrainingState {
  int64_t step = 0;         // done in this stage
  double seconds = 0;       // of this stage so far, over all resumes
  int64_t validations = 0;  // done
  int64_t best_step = 0;
  double best_score = 0;  // meaningful when best_step > 0, like
  double best_shown = 0;  // what people are shown of the same weights
  double loss = 0;        // smoothed
  Split split;            // at the first start: an archive that grew does not move boundaries
  std::vector<StageResult> done;  // the stages before this one
};

// Who the checkpoint belongs to; a resume refuses any other.
struct CheckpointOwner {
  std::string archive;  // store id
  std::string task;     // to_json, without the budget (minutes, steps_max, validations)
  std::string base;     // TrainingOrigin::base
  std::string layout;   // FlatParameters::layout of the stage; "" between stages
};
CheckpointOwner owner_of(const storage::SeriesStore& store, const Task& task,
                         const std::string& base);

struct Checkpoint {
  CheckpointOwner owner;
  TrainingState state;
  // "values", "first_moment", "second_moment" and, where there are any, "average" and "best" of the
  // stage; "stage.0" and on: what is kept of those that are done.
  std::map<std::string, at::Tensor> tensors;
};

// models/<task>.<method>.checkpoint.safetensors.
std::string checkpoint_path(const storage::SeriesStore& store, const std::string& task_name,
                            const std::string& method);

// Durably. Errors of write_weights (engine/models/weights.h).
Status write_checkpoint(const std::string& path, const Checkpoint& checkpoint);
// kNotFound when there is none, kDataLoss when it is damaged, kUnsupported when it is newer.
Result<Checkpoint> read_checkpoint(const std::string& path);
// The task that the checkpoint at `path` was made with; kDataLoss when it is none.
Result<Task> checkpoint_task(const storage::SeriesStore& store, const Checkpoint& checkpoint,
                             const std::string& path);
// Copies a tensor of the checkpoint; kDataLoss unless it has the same shape and type.
Status restore(const Checkpoint& checkpoint, const std::string& name, at::Tensor to);

}  // namespace skipcast::engine
