#include "engine/training/checkpoint.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "engine/models/weights.h"

namespace skipcast::engine {
namespace {

using Json = nlohmann::json;

// 1: of a network alone, without "loss", "stages" and the metadata "base".
constexpr int64_t kCheckpointVersion = 2;

Json json_of(const TrainingState& state) {
  Json stages = Json::array();
  for (const StageResult& stage : state.done) {
    stages.push_back({{"steps", stage.steps},
                      {"best_step", stage.best_step},
                      {"parameters", stage.parameters},
                      {"seconds", stage.seconds},
                      {"loss", stage.loss},
                      {"best_crps", stage.best_shown}});
  }
  return {{"version", kCheckpointVersion},
          {"step", state.step},
          {"seconds", state.seconds},
          {"validations", state.validations},
          {"best_step", state.best_step},
          {"best_score", state.best_score},
          {"best_crps", state.best_shown},
          {"loss", state.loss},
          {"split", {state.split.states, state.split.train_end, state.split.validation_end}},
          {"stages", stages}};
}

// Throws nlohmann's exceptions.
TrainingState state_of(const Json& json) {
  const Json& split = json.at("split");
  TrainingState state = {.step = json.at("step").get<int64_t>(),
                         .seconds = json.at("seconds").get<double>(),
                         .validations = json.at("validations").get<int64_t>(),
                         .best_step = json.at("best_step").get<int64_t>(),
                         .best_score = json.at("best_score").get<double>(),
                         .best_shown = json.at("best_crps").get<double>(),
                         .loss = json.value("loss", 0.0),
                         .split = {split.at(0).get<int64_t>(), split.at(1).get<int64_t>(),
                                   split.at(2).get<int64_t>()}};
  for (const Json& stage : json.value("stages", Json::array())) {
    state.done.push_back({.steps = stage.at("steps").get<int64_t>(),
                          .best_step = stage.at("best_step").get<int64_t>(),
                          .parameters = stage.at("parameters").get<int64_t>(),
                          .seconds = stage.at("seconds").get<double>(),
                          .loss = stage.at("loss").get<double>(),
                          .best_shown = stage.at("best_crps").get<double>()});
  }
  return state;
}

Result<TrainingState> state_from(const std::string& text, const std::string& path) {
  const Json json = Json::parse(text, nullptr, false);
  try {
    if (json.at("version").get<int64_t>() > kCheckpointVersion) {
      return Status(Code::kUnsupported, path + " was written by a newer version of skipcast");
    }
    return state_of(json);
  } catch (const Json::exception&) {
    return data_loss(path + " is no checkpoint of a training run");
  }
}

}  // namespace

CheckpointOwner owner_of(const storage::SeriesStore& store, const Task& task,
                         const std::string& base) {
  Task plain = task;
  const TrainingOptions defaults;
  plain.training.minutes = defaults.minutes;
  plain.training.steps_max = defaults.steps_max;
  plain.training.validations = defaults.validations;
  return {.archive = store.store_id(), .task = to_json(plain), .base = base};
}

std::string checkpoint_path(const storage::SeriesStore& store, const std::string& task_name,
                            const std::string& method) {
  return fmt::format("{}/models/{}.{}.checkpoint.safetensors", store.path(), task_name, method);
}

Status write_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  const Weights file = {.tensors = checkpoint.tensors,
                        .metadata = {{"state", json_of(checkpoint.state).dump()},
                                     {"archive", checkpoint.owner.archive},
                                     {"task", checkpoint.owner.task},
                                     {"base", checkpoint.owner.base},
                                     {"layout", checkpoint.owner.layout}}};
  return write_weights(path, file);
}

Result<Checkpoint> read_checkpoint(const std::string& path) {
  Result<Weights> file = read_weights(path);
  if (file.status().code() == Code::kNotFound) {
    return not_found(
        fmt::format("nothing to resume: there is no {}; train without --resume", path));
  }
  SKIPCAST_TRY_OK(file.status());
  std::map<std::string, std::string>& metadata = file->metadata;
  Checkpoint checkpoint = {.owner = {.archive = metadata["archive"],
                                     .task = metadata["task"],
                                     .base = metadata["base"],
                                     .layout = metadata["layout"]}};
  SKIPCAST_TRY(checkpoint.state, state_from(metadata["state"], path));
  checkpoint.tensors = std::move(file->tensors);
  return checkpoint;
}

Result<Task> checkpoint_task(const storage::SeriesStore& store, const Checkpoint& checkpoint,
                             const std::string& path) {
  Result<Task> task = task_from_json(checkpoint.owner.task, store.schema().places.kind);
  if (!task.ok()) return data_loss(path + " does not say what it was trained for");
  return task;
}

Status restore(const Checkpoint& checkpoint, const std::string& name, at::Tensor to) {
  const auto found = checkpoint.tensors.find(name);
  if (found == checkpoint.tensors.end() || found->second.sizes() != to.sizes() ||
      found->second.scalar_type() != at::kFloat) {
    return data_loss(fmt::format(
        "the checkpoint has not the tensor {} of this task; train without --resume", name));
  }
  const at::NoGradGuard no_grad;
  to.copy_(found->second);
  return {};
}

}  // namespace skipcast::engine
