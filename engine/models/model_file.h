// A model's parts and their two files. Internal to engine: the
// trainer writes what Model::load reads.
//
// models/<task>.json is written once per training run, models/<task>.safetensors each time the
// validation score improves; the latter's metadata hold the checksum of the former, so a pair that
// does not belong together, or a damaged byte in either, is refused.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/data/target_space.h"
#include "engine/models/model.h"
#include "engine/networks/network.h"

namespace skipcast::engine {

inline constexpr int32_t kModelVersion = 1;

struct ModelParts {
  Task task;
  Split split;
  retrieval::Normalizer normalizer;
  TargetSpace target;
  std::shared_ptr<Network> network;
  std::vector<std::shared_ptr<Network>> others;  // networks after the first; often none
  std::vector<std::shared_ptr<Network>> folds;   // kFolds of them (folds.h), or none
};

// Those that members are assigned to; and these, then the folds.
std::vector<std::shared_ptr<Network>> member_networks(const ModelParts& parts);
std::vector<Network*> networks_of(const ModelParts& parts);

struct ModelPaths {
  std::string weights, description, checkpoint, log;
};
ModelPaths model_paths(const storage::SeriesStore& store, const std::string& task_name);

// The JSON text of models/<task>.json.
std::string describe_model(const storage::SeriesStore& store, const Task& task, const Split& split,
                           const retrieval::Normalizer& normalizer);

// Writes both files (the description only when it changed), weights last. `note` is kept in the
// weights' metadata for people: {"step": "1200", "validation_crps": "0.17"}.
Status save_model(const storage::SeriesStore& store, const ModelParts& parts,
                  const std::map<std::string, std::string>& note);

// What the two files of a task hold; errors as Model::load's. No parameter asks for a gradient.
struct StoredModel {
  ModelParts parts;
  std::string fingerprint;                  // of the weights, moment heads' included, and the rest
  std::map<std::string, std::string> note;  // as save_model() was given it
};
Result<StoredModel> read_model(const storage::SeriesStore& store, const std::string& task_name);

// Copies tensors called `prefix` + parameter name into the network. kDataLoss unless they are
// exactly its parameters, by name, shape and type.
Status load_parameters(const std::map<std::string, at::Tensor>& tensors, const std::string& prefix,
                       Network& network);

// The networks and the target space to where `compute` says.
void move_to(const Compute& compute, ModelParts& parts);

}  // namespace skipcast::engine
