// A training run's state on disk: everything a resumed run needs to continue with the same bits.
// Internal to trainer.cc.
#pragma once

#include <cstdint>
#include <string>

#include "engine/training/batches.h"
#include "storage/status.h"

namespace skipcast::engine {

struct TrainingState {
  int64_t step = 0;         // steps done
  double seconds = 0;       // of training so far, over all resumes
  int64_t validations = 0;  // done
  int64_t best_step = 0;
  double best_score = 0;  // meaningful when best_step > 0, like
  double best_crps = 0;   // the normalised CRPS of the same weights
  Split split;            // at the first start: an archive that grew does not move boundaries
};

// Who the checkpoint belongs to; a resume refuses any other.
struct CheckpointOwner {
  std::string archive;  // store id
  std::string task;     // to_json, without the budget (minutes, steps_max, validations)
  std::string layout;   // FlatParameters::layout
};
CheckpointOwner owner_of(const storage::SeriesStore& store, const Task& task,
                         const std::string& layout);

// The tensors of a run. Does not own them.
struct TrainingTensors {
  FlatParameters& parameters;
  FlatParameters& average;  // the EMA's
  AdamW& optimiser;
};

Status write_checkpoint(const std::string& path, const CheckpointOwner& owner,
                        const TrainingState& state, const TrainingTensors& tensors);
// Only the state (to learn the split before anything is built). kNotFound when there is none.
Result<TrainingState> read_checkpoint_state(const std::string& path);
// Fills the tensors. kRefused when it belongs to another archive or task, kDataLoss when damaged.
Result<TrainingState> read_checkpoint(const std::string& path, const CheckpointOwner& owner,
                                      const TrainingTensors& tensors);

}  // namespace skipcast::engine
