// Fine-tuned copies of a task's network, beside it: one a role.
//   conditioned   the chain's denoiser, which also sees what happened after similar situations
//   one-step model   makes a member in one evaluation (or two): trained on proper scores of
//   ensembles, in
//              the manner of FGN (Alet et al. 2025), from noise or from noised analogs
// models/<task>.<role>.safetensors: all weights, and in the metadata what they were made of. A copy
// belongs to one model (its fingerprint) and is refused beside another: train it again. The model's
// own forecasts, keys and policies stay as they are. Values; immutable after load.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "engine/models/model.h"
#include "engine/networks/network.h"

namespace skipcast::engine {

struct FineTuned {
  RoleInfo info;
  std::shared_ptr<Network> network;
  std::map<std::string, std::string> note;  // figures of its training, for people
};

std::string fine_tuned_path(const storage::SeriesStore& store, const std::string& task_name,
                            Role role);

// Where a copy starts from: the same shape and weights, without moment heads; with retrieval
// attention, whose output is 0, if asked for.
std::shared_ptr<Network> copy_of(Network& network, const Task& task, const NetworkShape& shape,
                                 bool retrieval);

// Durably, in one file. `model` is the fingerprint of the model it belongs to.
Status save_fine_tuned(const storage::SeriesStore& store, const Task& task,
                       const std::string& model, const FineTuned& tuned);

// kNotFound when it is not trained yet (says which command trains it); kRefused when it belongs to
// another archive or model; kDataLoss when it is damaged; kUnsupported for a newer version.
Result<FineTuned> read_fine_tuned(const storage::SeriesStore& store, const Task& task,
                                  const NetworkShape& shape, const std::string& model, Role role);

}  // namespace skipcast::engine
