#include "engine/training/checkpoint.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "engine/models/weights.h"

namespace skipcast::engine {
namespace {

using Json = nlohmann::json;

constexpr int64_t kCheckpointVersion = 1;

std::vector<std::pair<std::string, at::Tensor>> named(const TrainingTensors& tensors) {
  return {{"average", tensors.average.values},
          {"first_moment", tensors.optimiser.first},
          {"second_moment", tensors.optimiser.second},
          {"values", tensors.parameters.values}};
}

Result<TrainingState> state_from(const Weights& file, const std::string& path) {
  const auto found = file.metadata.find("state");
  const Json json =
      found == file.metadata.end() ? Json() : Json::parse(found->second, nullptr, false);
  try {
    if (json.at("version").get<int64_t>() > kCheckpointVersion) {
      return Status(Code::kUnsupported, path + " was written by a newer version of skipcast");
    }
    const Json& split = json.at("split");
    return TrainingState{
        json.at("step").get<int64_t>(),
        json.at("seconds").get<double>(),
        json.at("validations").get<int64_t>(),
        json.at("best_step").get<int64_t>(),
        json.at("best_score").get<double>(),
        json.at("best_crps").get<double>(),
        {split.at(0).get<int64_t>(), split.at(1).get<int64_t>(), split.at(2).get<int64_t>()}};
  } catch (const Json::exception&) {
    return data_loss(path + " is no checkpoint of a training run");
  }
}

Result<Weights> read_file(const std::string& path) {
  Result<Weights> file = read_weights(path);
  if (file.status().code() == Code::kNotFound) {
    return not_found(
        fmt::format("nothing to resume: there is no {}; train without --resume", path));
  }
  return file;
}

}  // namespace

CheckpointOwner owner_of(const storage::SeriesStore& store, const Task& task,
                         const std::string& layout) {
  Task plain = task;
  const TrainingOptions defaults;
  plain.training.minutes = defaults.minutes;
  plain.training.steps_max = defaults.steps_max;
  plain.training.validations = defaults.validations;
  return {store.store_id(), to_json(plain), layout};
}

Status write_checkpoint(const std::string& path, const CheckpointOwner& owner,
                        const TrainingState& state, const TrainingTensors& tensors) {
  Weights file;
  for (const auto& [name, tensor] : named(tensors)) file.tensors[name] = tensor;
  const Json json = {
      {"version", kCheckpointVersion},
      {"step", state.step},
      {"seconds", state.seconds},
      {"validations", state.validations},
      {"best_step", state.best_step},
      {"best_score", state.best_score},
      {"best_crps", state.best_crps},
      {"split", {state.split.states, state.split.train_end, state.split.validation_end}}};
  file.metadata = {{"state", json.dump()},
                   {"archive", owner.archive},
                   {"task", owner.task},
                   {"layout", owner.layout}};
  return write_weights(path, file);
}

Result<TrainingState> read_checkpoint_state(const std::string& path) {
  SKIPCAST_TRY(const Weights file, read_file(path));
  return state_from(file, path);
}

Result<TrainingState> read_checkpoint(const std::string& path, const CheckpointOwner& owner,
                                      const TrainingTensors& tensors) {
  SKIPCAST_TRY(Weights file, read_file(path));
  SKIPCAST_TRY(const TrainingState state, state_from(file, path));
  if (file.metadata["archive"] != owner.archive) {
    return refused(path + " belongs to another archive; train without --resume");
  }
  if (file.metadata["task"] != owner.task || file.metadata["layout"] != owner.layout) {
    return refused(path + " was made with other task options; train without --resume");
  }
  for (auto& [name, tensor] : named(tensors)) {
    const auto found = file.tensors.find(name);
    if (found == file.tensors.end() || found->second.sizes() != tensor.sizes() ||
        found->second.scalar_type() != at::kFloat) {
      return data_loss(path + " has not the tensors of this task; train without --resume");
    }
    const at::NoGradGuard no_grad;
    at::Tensor(tensor).copy_(found->second);
  }
  return state;
}

}  // namespace skipcast::engine
