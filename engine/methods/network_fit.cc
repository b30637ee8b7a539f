#include "engine/methods/network_fit.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/data/folds.h"
#include "engine/training/cost_model.h"
#include "engine/training/validation.h"
#include "retrieval/encoders/evenly_spread.h"

namespace skipcast::engine {

Result<std::unique_ptr<NetworkFit>> NetworkFit::make(const storage::SeriesStore& store,
                                                     ModelParts parts, const Compute& compute,
                                                     std::optional<int64_t> fold) {
  const auto begun = std::chrono::steady_clock::now();
  std::unique_ptr<NetworkFit> fit(new NetworkFit(store, std::move(parts), compute));
  SKIPCAST_TRY_OK(fit->build(fold));
  const std::chrono::duration<double> built = std::chrono::steady_clock::now() - begun;
  fit->build_seconds_ = built.count();
  return fit;
}

Status NetworkFit::build(std::optional<int64_t> fold) {
  const Task& task = parts_.task;
  SKIPCAST_TRY(dataset_,
               Dataset::load(store_, task, parts_.normalizer, kDatasetBytesMax, compute_));
  const storage::Schema& schema = store_.schema();
  std::vector<int64_t> origins = part_origins(schema.axis, task, parts_.split, Part::kTrain);
  const std::vector<int64_t> held_out =
      part_origins(schema.axis, task, parts_.split, Part::kValidation);
  if (origins.empty() || held_out.empty()) {
    return bad_input(fmt::format(
        "task {}: {} states are too few for its split; {} training and {} validation windows",
        task.name, parts_.split.states, origins.size(), held_out.size()));
  }
  validation_origins_ = retrieval::evenly_spaced(held_out, task.training.validation_windows);
  if (fold) {
    origins = fold_origins(task, parts_.split, origins, *fold);
  } else {
    parts_.target = fit_target_space(*dataset_, origins);
  }
  if (origins.empty()) {
    return bad_input(
        fmt::format("task {}: its training part is too short to be cross-fitted", task.name));
  }
  const NetworkShape shape = shape_of(task, schema.places, parts_.normalizer, parts_.target);
  windows_at_once_ = training_cost(task, shape, compute_.device.is_cuda()).windows_at_once;
  network_ = make_network(task.network, shape);
  network_->initialise(task.training.seed);
  network_->train();
  parts_.network = make_network(task.network, shape);
  parts_.network->initialise(task.training.seed);
  parts_.network->eval();
  network_->to(compute_.device);
  parts_.network->to(compute_.device);
  batches_ = std::make_unique<BatchSource>(*dataset_, parts_.target, std::move(origins));
  return {};
}

TrainingStage NetworkFit::stage() {
  TrainingStage stage;
  stage.parameters = std::make_unique<FlatParameters>(*network_);
  stage.average = std::make_unique<FlatParameters>(*parts_.network);
  stage.optimiser = std::make_unique<AdamW>(*stage.parameters);
  stage.options = parts_.task.training;
  stage.smoothing = 0.01;
  stage.spent_seconds = build_seconds_;
  return stage;
}

at::Tensor NetworkFit::loss(int64_t step) {
  const ArithmeticGuard arithmetic(compute_);
  return edm_loss_in_parts(*network_, batches_->batch(step), parts_.task, step, windows_at_once_);
}

Validation NetworkFit::validate() {
  const ValidationScores scores = engine::validate(parts_, *dataset_, validation_origins_);
  const nlohmann::json figures = {{"crps", scores.crps},
                                  {"crps_physical", scores.crps_physical},
                                  {"spread_skill", scores.spread_skill}};
  return {.score = scores.score, .shown = scores.crps, .figures = figures.dump()};
}

}  // namespace skipcast::engine
