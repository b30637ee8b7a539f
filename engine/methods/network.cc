// Training a task's network. models/<task>.safetensors + .json are written, durably, when a better
// validation score is seen; the checkpoint stays, so that more steps can follow.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "engine/data/data_choices.h"
#include "engine/data/network_kinds.h"
#include "engine/data/planned_options.h"
#include "engine/methods/baseline_check.h"
#include "engine/methods/method_table.h"
#include "engine/methods/network_fit.h"
#include "engine/training/plan.h"
#include "engine/training/training_log.h"
#include "storage/files/fingerprint.h"

namespace skipcast::engine {
namespace {

Result<Task> task_of(const storage::SeriesStore& store, const TrainRequest& request) {
  SKIPCAST_TRY(Task task, find_task(store, request.task));
  set_budget(request, 1, task.training);
  if (request.networks > 0) task.training.networks = request.networks;
  if (request.described_places) {
    if (!network_kind(task.network.kind).described_places) {
      return usage(
          fmt::format("task {} has a network for grids, whose places are its cells: leave "
                      "--described-places out",
                      task.name));
    }
    task.network.described_places = true;
  }
  task.network.cyclic = task.network.cyclic || store.schema().places.cyclic();
  return task;
}

// Of the seed of network `number`: far from those of neighbouring seeds, whose noise would be the
// same; the first has the task's own.
uint64_t seed_of(uint64_t seed, int64_t number) {
  if (number == 0) return seed;
  return storage::mix_bits(seed + static_cast<uint64_t>(number)) >> 12;
}

// The task with the options that a plan chooses.
Status plan_options(const storage::SeriesStore& store, const TrainRequest& request, Task& task) {
  Task each = task;  // of several networks
  each.training.minutes /= static_cast<double>(task.training.networks);
  SKIPCAST_TRY(const TrainingPlan plan, plan_training(store, each, request));
  if (request.notice) request.notice(plan.text);
  take_planned(plan.task, task);
  return {};
}

class NetworkMethod : public Method {
 public:
  NetworkMethod(const storage::SeriesStore& store, const TrainRequest& request)
      : store_(store), request_(request) {}

  Result<TrainingOrigin> open() override {
    SKIPCAST_TRY(const Task asked, task_of(store_, request_));
    const std::string checkpoint = model_paths(store_, asked.name).checkpoint;
    std::optional<Checkpoint> begun;  // what goes on chooses what it chose
    int64_t states = store_.size();
    if (request_.resume) {
      SKIPCAST_TRY(begun, read_checkpoint(checkpoint));
      states = std::min(begun->state.split.states, states);
    }
    SKIPCAST_TRY(DataChoices chosen, choose_from_data(store_, asked, split_of(asked, states)));
    task_ = std::move(chosen.task);
    choices_ = std::move(chosen.lines);
    for (const std::string& line : choices_) tell(request_.progress, {0, "choose", line});
    networks_ = task_.training.networks;
    if (begun) {
      SKIPCAST_TRY(const Task before, checkpoint_task(store_, *begun, checkpoint));
      take_planned(before, task_);
    } else {
      SKIPCAST_TRY_OK(plan_options(store_, request_, task_));
    }
    return TrainingOrigin{.task = task_,
                          .split = split_of(task_, store_.size()),
                          .checkpoint = checkpoint,
                          .keeps_checkpoint = networks_ == 1,
                          .if_diverged = "lower \"learning_rate\" and train again"};
  }

  Status prepare(const TrainingState* resumed) override {
    if (!choices_.empty()) {
      TrainingLog(model_paths(store_, task_.name).log, request_.method)
          .line({{"event", "choose"}, {"task", task_.name}, {"choices", choices_}});
    }
    const Split split = resumed != nullptr ? resumed->split : split_of(task_, store_.size());
    SKIPCAST_TRY(retrieval::Normalizer normalizer,
                 retrieval::Normalizer::fit(store_, normalizer_options(store_, task_, split)));
    model_ = {.task = task_, .split = split, .normalizer = std::move(normalizer)};
    if (resumed != nullptr) {
      const auto begun = static_cast<int64_t>(resumed->done.size()) + (resumed->step > 0 ? 1 : 0);
      networks_ = std::max(networks_, begun);  // whatever the time was then
    }
    return {};
  }

  bool has_stage(int64_t stage) const override { return stage < networks_; }

  Result<TrainingStage> begin(int64_t number) override {
    ModelParts parts = model_;
    parts.task.training.seed = seed_of(task_.training.seed, number);
    parts.task.training.minutes /= static_cast<double>(networks_);
    fit_.reset();  // one data set at a time
    SKIPCAST_TRY(fit_, NetworkFit::make(store_, std::move(parts), request_.compute, std::nullopt));
    TrainingStage stage = fit_->stage();
    const double share = 1 / static_cast<double>(networks_);
    stage.begins = share * static_cast<double>(number);
    stage.ends = stage.begins + share;
    if (networks_ > 1) stage.part = fmt::format("network {} of {}", number + 1, networks_);
    return stage;
  }

  at::Tensor loss(int64_t step) override { return fit_->loss(step); }
  void fetch_ahead(int64_t step) override { fit_->fetch_ahead(step); }
  Validation validate() override { return fit_->validate(); }

  // The first network can forecast while the others are trained.
  Status better(const TrainingState& state) override {
    best_score_ = std::min(best_score_, state.best_score);
    if (!state.done.empty()) return {};
    return save_model(store_, with(fit_->parts()),
                      {{"step", std::to_string(state.best_step)},
                       {"validation_crps", fmt::format("{:.6f}", state.best_shown)}});
  }

  Status end(int64_t) override {
    model_ = with(fit_->parts());
    return {};
  }

  Status finish(TrainReport& report) override {
    if (networks_ > 1) {
      SKIPCAST_TRY_OK(
          save_model(store_, model_,
                     {{"networks", std::to_string(networks_)},
                      {"step", std::to_string(report.best_step)},
                      {"validation_crps", fmt::format("{:.6f}", report.validation_crps)}}));
    }
    report.model_path = model_paths(store_, task_.name).weights;
    const nlohmann::json figures = {{"model", report.model_path},
                                    {"networks", networks_},
                                    {"validation_crps_normalised", report.validation_crps}};
    report.figures = figures.dump();
    report.lines = choices_;
    report.lines.push_back(
        fmt::format("model     {} (fair CRPS{} on validation {:.4f} in normalised units, at "
                    "step {})",
                    report.model_path, networks_ == 1 ? "" : " of one network",
                    report.validation_crps, report.best_step / networks_));
    return compare(report);
  }

 private:
  const storage::SeriesStore& store_;
  const TrainRequest& request_;
  // The networks so far and this one.
  ModelParts with(const ModelParts& fitted) const {
    ModelParts parts = model_;
    parts.target = fitted.target;
    if (parts.network == nullptr) {
      parts.network = fitted.network;
    } else {
      parts.others.push_back(fitted.network);
    }
    return parts;
  }

  // Says, and logs, how the best network does beside forecasts without one.
  Status compare(TrainReport& report) const {
    if (!std::isfinite(best_score_)) return {};  // of an earlier run, which has said so
    SKIPCAST_TRY(const std::shared_ptr<const Model> model,
                 Model::load(store_, request_.task, request_.compute));
    SKIPCAST_TRY(const BaselineScores scores,
                 baseline_scores(model, fit_->dataset(), fit_->validation_origins(), best_score_));
    report.lines.push_back(baseline_line(scores));
    nlohmann::json event = {{"event", "compare"},
                            {"task", task_.name},
                            {"score", scores.network},
                            {"climatology_score", scores.climatology}};
    if (scores.analogs) event["analogs_score"] = *scores.analogs;
    TrainingLog(model_paths(store_, task_.name).log, request_.method).line(std::move(event));
    return {};
  }

  Task task_;
  std::vector<std::string> choices_;  // what the data decided, for people
  double best_score_ = std::numeric_limits<double>::infinity();  // of the networks of this run
  int64_t networks_ = 1;
  ModelParts model_;  // of the networks that are trained
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
