// Training a task's network. models/<task>.safetensors + .json are written, durably, when a better
// validation score is seen; the checkpoint stays, so that more steps can follow.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "engine/data/network_kinds.h"
#include "engine/data/planned_options.h"
#include "engine/methods/method_table.h"
#include "engine/methods/network_fit.h"
#include "engine/training/plan.h"

namespace skipcast::engine {
namespace {

Result<Task> task_of(const storage::SeriesStore& store, const TrainRequest& request) {
  SKIPCAST_TRY(Task task, find_task(store, request.task));
  set_budget(request, 1, task.training);
  if (request.described_places) {
    if (!network_kind(task.network.kind).described_places) {
      return usage(
          fmt::format("task {} has a network for grids, whose places are its cells: leave "
                      "--described-places out",
                      task.name));
    }
    task.network.described_places = true;
  }
  return task;
}

// The task with all its options: those of the checkpoint that is resumed, else planned.
Status choose_options(const storage::SeriesStore& store, const TrainRequest& request, Task& task) {
  if (request.resume) {
    SKIPCAST_TRY(const Task before,
                 checkpoint_task(store, model_paths(store, task.name).checkpoint));
    take_planned(before, task);
    return {};
  }
  SKIPCAST_TRY(TrainingPlan plan, plan_training(store, task, request));
  if (request.notice) request.notice(plan.text);
  task = std::move(plan.task);
  return {};
}

class NetworkMethod : public Method {
 public:
  NetworkMethod(const storage::SeriesStore& store, const TrainRequest& request)
      : store_(store), request_(request) {}

  Result<TrainingOrigin> open() override {
    SKIPCAST_TRY(task_, task_of(store_, request_));
    SKIPCAST_TRY_OK(choose_options(store_, request_, task_));
    return TrainingOrigin{.task = task_,
                          .split = split_of(task_, store_.size()),
                          .checkpoint = model_paths(store_, task_.name).checkpoint,
                          .keeps_checkpoint = true,
                          .if_diverged = "lower \"learning_rate\" and train again"};
  }

  Status prepare(const TrainingState* resumed) override {
    const Split split = resumed != nullptr ? resumed->split : split_of(task_, store_.size());
    SKIPCAST_TRY(retrieval::Normalizer normalizer,
                 retrieval::Normalizer::fit(store_, normalizer_options(store_, task_, split)));
    ModelParts parts{.task = task_, .split = split, .normalizer = std::move(normalizer)};
    SKIPCAST_TRY(fit_, NetworkFit::make(store_, std::move(parts), request_.compute, std::nullopt));
    return {};
  }

  Result<TrainingStage> begin(int64_t) override {
    TrainingStage stage = fit_->stage();
    stage.keep_best = false;  // better() has them in the model's file
    return stage;
  }

  at::Tensor loss(int64_t step) override { return fit_->loss(step); }
  void fetch_ahead(int64_t step) override { fit_->fetch_ahead(step); }
  Validation validate() override { return fit_->validate(); }

  Status better(const TrainingState& state) override {
    return save_model(store_, fit_->parts(),
                      {{"step", std::to_string(state.best_step)},
                       {"validation_crps", fmt::format("{:.6f}", state.best_shown)}});
  }

  Status finish(TrainReport& report) override {
    report.model_path = model_paths(store_, task_.name).weights;
    const nlohmann::json figures = {{"model", report.model_path},
                                    {"validation_crps_normalised", report.validation_crps}};
    report.figures = figures.dump();
    report.lines = {
        fmt::format("model     {} (fair CRPS on validation {:.4f} in normalised units, at step {})",
                    report.model_path, report.validation_crps, report.best_step)};
    return {};
  }

 private:
  const storage::SeriesStore& store_;
  const TrainRequest& request_;
  Task task_;
  std::unique_ptr<NetworkFit> fit_;
};

}  // namespace

MethodInfo network_method() {
  return {.name = "network",
          .verb = "train",
          .subject = "network",
          .help = "the task's network, anew",
          .make = make_method<NetworkMethod>};
}

}  // namespace skipcast::engine
