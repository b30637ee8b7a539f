#include "engine/training/training_loop.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "engine/models/model_file.h"
#include "engine/training/training_log.h"
#include "storage/files/file_io.h"

namespace skipcast::engine {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

constexpr double kCheckpointSeconds = 60;
constexpr double kReportSeconds = 5;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Status make_models_folder(const storage::SeriesStore& store) {
  std::error_code error;
  std::filesystem::create_directories(store.path() + "/models", error);
  if (error) return storage::system_error("create", store.path() + "/models", error.value());
  return {};
}

class Loop {
 public:
  Loop(Method& method, const storage::SeriesStore& store, const TrainRequest& request,
       TrainingOrigin origin)
      : method_(method),
        request_(request),
        origin_(std::move(origin)),
        owner_(owner_of(store, origin_.task, origin_.base)),
        log_(model_paths(store, origin_.task.name).log, request.method) {
    state_.split = origin_.split;
  }

  Status resume();
  Result<TrainReport> run();

 private:
  Status replay_stages();
  Status run_stage();
  Status restore_stage();
  Status train_one_step();
  void update(double value);
  Status validate_now();
  Status end_stage();
  Status save_checkpoint(bool with_stage);
  Status report_step();
  TrainReport report() const;
  // Share of the stage's budget that is spent; 1 and more: all.
  double fraction() const;
  // What the clock's budget must leave for the end: a validation, and half a step.
  double reserved_seconds() const { return validation_seconds_ + step_seconds_ / 2; }
  double seconds() const { return earlier_seconds_ + seconds_since(start_); }
  bool validation_due() const;
  // What is kept of the stage's weights.
  FlatParameters& kept() { return stage_.average ? *stage_.average : *stage_.parameters; }

  Method& method_;
  const TrainRequest& request_;
  const TrainingOrigin origin_;
  CheckpointOwner owner_;
  TrainingLog log_;
  std::optional<Checkpoint> resumed_;  // until its stage is restored
  TrainingState state_;
  TrainingStage stage_;
  at::Tensor best_values_;
  std::vector<at::Tensor> finished_;  // what is kept of each stage that is done
  double last_shown_ = 0, earlier_seconds_ = 0;
  double validation_seconds_ = 0, step_seconds_ = 0;  // the last ones took
  Clock::time_point start_ = Clock::now(), reported_ = start_, saved_ = start_;
};

Status Loop::resume() {
  SKIPCAST_TRY(resumed_, read_checkpoint(origin_.checkpoint));
  const CheckpointOwner& owner = resumed_->owner;
  if (owner.archive != owner_.archive) {
    return refused(origin_.checkpoint + " belongs to another archive; train without --resume");
  }
  if (owner.task != owner_.task) {
    return refused(origin_.checkpoint +
                   " was made with other task options; train without --resume");
  }
  if (owner.base != owner_.base) {
    return refused(origin_.checkpoint +
                   " was made of another model or with other options; train without --resume");
  }
  state_ = resumed_->state;
  return {};
}

// Gives the method the stages that the checkpoint has seen end.
Status Loop::replay_stages() {
  for (size_t i = 0; i < state_.done.size(); ++i) {
    const auto number = static_cast<int64_t>(i);
    SKIPCAST_TRY(stage_, method_.begin(number));
    SKIPCAST_TRY_OK(restore(*resumed_, fmt::format("stage.{}", i), kept().values));
    finished_.push_back(kept().values.clone());
    SKIPCAST_TRY_OK(method_.end(number));
  }
  return {};
}

Status Loop::restore_stage() {
  if (!resumed_ || !resumed_->tensors.contains("values")) {
    resumed_.reset();
    return {};
  }
  if (resumed_->owner.layout != owner_.layout) {
    return refused(origin_.checkpoint +
                   " was made with other task options; train without --resume");
  }
  SKIPCAST_TRY_OK(restore(*resumed_, "values", stage_.parameters->values));
  SKIPCAST_TRY_OK(restore(*resumed_, "first_moment", stage_.optimiser->first));
  SKIPCAST_TRY_OK(restore(*resumed_, "second_moment", stage_.optimiser->second));
  if (stage_.average) SKIPCAST_TRY_OK(restore(*resumed_, "average", stage_.average->values));
  if (resumed_->tensors.contains("best")) {
    best_values_ = at::empty_like(kept().values);
    SKIPCAST_TRY_OK(restore(*resumed_, "best", best_values_));
  }
  resumed_.reset();
  return {};
}

double Loop::fraction() const {
  const TrainingOptions& t = stage_.options;
  const double by_steps = static_cast<double>(state_.step) / static_cast<double>(t.steps_max);
  if (t.minutes <= 0) return by_steps;
  const double budget = 60 * t.minutes;
  const double by_clock = seconds() / std::max(budget / 2, budget - reserved_seconds());
  return std::max(by_steps, by_clock);
}

bool Loop::validation_due() const {
  const int64_t all = stage_.options.validations;
  return all > 0 &&
         fraction() * static_cast<double>(all) >= static_cast<double>(state_.validations + 1);
}

Status Loop::train_one_step() {
  const Clock::time_point begun = Clock::now();
  stage_.parameters->gradients.zero_();
  const at::AutoGradMode with_gradients(true);  // whatever the caller's thread is set to
  const at::Tensor loss = method_.loss(state_.step);
  loss.backward();
  method_.fetch_ahead(state_.step + 1);  // while the device is at this one
  const double value = loss.item<double>();
  if (!std::isfinite(value)) {
    return bad_input(fmt::format("task {}: the loss is not finite at step {}; {}",
                                 origin_.task.name, state_.step, origin_.if_diverged));
  }
  update(value);
  step_seconds_ = seconds_since(begun);
  return {};
}

// By the gradients of a step whose loss was `value`.
void Loop::update(double value) {
  const TrainingOptions& t = stage_.options;
  const double factor = stage_.constant_rate ? 1 : learning_rate_factor(t, state_.step, fraction());
  if (t.gradient_clip > 0) clip_gradient(*stage_.parameters, t.gradient_clip);
  stage_.optimiser->update(*stage_.parameters, t.learning_rate * factor, t.weight_decay,
                           state_.step + 1);
  const at::NoGradGuard no_grad;
  if (stage_.average) {
    stage_.average->values.lerp_(stage_.parameters->values, 1 - ema_decay_at(t, state_.step));
  }
  const bool first = state_.step == 0 || state_.loss == 0;
  state_.loss = first ? value : state_.loss + stage_.smoothing * (value - state_.loss);
  ++state_.step;
}

Status Loop::validate_now() {
  const Clock::time_point begun = Clock::now();
  const Validation now = method_.validate();
  validation_seconds_ = seconds_since(begun);
  ++state_.validations;
  last_shown_ = now.shown;
  const bool better =
      state_.best_step == 0 || std::isnan(state_.best_score) || now.score < state_.best_score;
  Json event = {{"event", "validate"},  {"task", origin_.task.name}, {"step", state_.step},
                {"seconds", seconds()}, {"loss", state_.loss},       {"score", now.score},
                {"best", better}};
  event.update(Json::parse(now.figures));
  log_.line(std::move(event));
  if (!better) return {};
  state_.best_score = now.score;
  state_.best_shown = now.shown;
  state_.best_step = state_.step;
  if (stage_.keep_best) best_values_ = kept().values.clone();
  return method_.better(state_);
}

Status Loop::save_checkpoint(bool with_stage) {
  saved_ = Clock::now();
  Checkpoint checkpoint = {.owner = owner_, .state = state_};
  const auto add = [&](const std::string& name, const at::Tensor& tensor) {
    checkpoint.tensors[name] = tensor.cpu();
  };
  for (size_t i = 0; i < finished_.size(); ++i) add(fmt::format("stage.{}", i), finished_[i]);
  if (with_stage) {
    checkpoint.state.seconds = state_.seconds = seconds();
    add("values", stage_.parameters->values);
    add("first_moment", stage_.optimiser->first);
    add("second_moment", stage_.optimiser->second);
    if (stage_.average) add("average", stage_.average->values);
    if (best_values_.defined()) add("best", best_values_);
  }
  return write_checkpoint(origin_.checkpoint, checkpoint);
}

Status Loop::report_step() {
  if (seconds_since(reported_) > kReportSeconds) {
    reported_ = Clock::now();
    log_.line(
        {{"event", "train"}, {"step", state_.step}, {"seconds", seconds()}, {"loss", state_.loss}});
  }
  std::string detail = fmt::format("{}{}step {}, loss {:.4f}", stage_.part,
                                   stage_.part.empty() ? "" : ", ", state_.step, state_.loss);
  if (state_.best_step > 0) {
    detail += fmt::format(", validation {:.4f} (best {:.4f})", last_shown_, state_.best_shown);
  }
  const double share = std::min(1.0, fraction());
  const double all = stage_.begins + (stage_.ends - stage_.begins) * share;
  if (tell(request_.progress, {all, stage_.label, detail})) return {};
  SKIPCAST_TRY_OK(save_checkpoint(true));
  return Status(Code::kInterrupted,
                fmt::format("training stopped at step {}; run again with --resume, which goes on "
                            "from the checkpoint",
                            state_.step));
}

Status Loop::run_stage() {
  const auto number = static_cast<int64_t>(state_.done.size());
  SKIPCAST_TRY(stage_, method_.begin(number));
  owner_.layout = stage_.parameters->layout;
  best_values_ = at::Tensor();
  SKIPCAST_TRY_OK(restore_stage());
  last_shown_ = state_.best_shown;
  earlier_seconds_ = state_.seconds + stage_.spent_seconds;
  validation_seconds_ = step_seconds_ = 0;
  start_ = Clock::now();
  while (fraction() < 1 || state_.step == 0) {
    SKIPCAST_TRY_OK(train_one_step());
    if (validation_due()) SKIPCAST_TRY_OK(validate_now());
    if (seconds_since(saved_) > kCheckpointSeconds) SKIPCAST_TRY_OK(save_checkpoint(true));
    SKIPCAST_TRY_OK(report_step());
  }
  if (stage_.options.validations == 0) {
    state_.best_step = state_.step;
  } else if (state_.best_step == 0) {
    SKIPCAST_TRY_OK(validate_now());
  }
  state_.seconds = seconds();
  if (origin_.keeps_checkpoint) SKIPCAST_TRY_OK(save_checkpoint(true));
  return end_stage();
}

// Leaves the stage's best weights in place and begins to count anew.
Status Loop::end_stage() {
  if (best_values_.defined()) {
    const at::NoGradGuard no_grad;
    kept().values.copy_(best_values_);
  }
  const auto number = static_cast<int64_t>(state_.done.size());
  finished_.push_back(kept().values.clone());
  state_.done.push_back({.steps = state_.step,
                         .best_step = state_.best_step,
                         .parameters = stage_.parameters->count,
                         .seconds = state_.seconds,
                         .loss = state_.loss,
                         .best_shown = state_.best_shown});
  state_ = {.split = state_.split, .done = std::move(state_.done)};
  SKIPCAST_TRY_OK(method_.end(number));
  owner_.layout = "";
  best_values_ = at::Tensor();
  return origin_.keeps_checkpoint ? Status() : save_checkpoint(false);
}

TrainReport Loop::report() const {
  TrainReport report = {.stages = state_.done};
  for (const StageResult& stage : state_.done) {
    report.steps += stage.steps;
    report.best_step += stage.best_step;
    report.parameters += stage.parameters;
    report.seconds += stage.seconds;
    report.loss += stage.loss / double(state_.done.size());
    report.validation_crps += stage.best_shown / double(state_.done.size());
  }
  return report;
}

Result<TrainReport> Loop::run() {
  SKIPCAST_TRY_OK(method_.prepare(resumed_ ? &state_ : nullptr));
  if (resumed_) SKIPCAST_TRY_OK(replay_stages());
  while (method_.has_stage(static_cast<int64_t>(state_.done.size()))) {
    SKIPCAST_TRY_OK(run_stage());
  }
  TrainReport made = report();
  SKIPCAST_TRY_OK(method_.finish(made));
  if (!origin_.keeps_checkpoint) {
    std::error_code left;  // one that stays does no harm: it can only be resumed
    std::filesystem::remove(origin_.checkpoint, left);
  }
  return made;
}

}  // namespace

Result<TrainReport> run_training(Method& method, const storage::SeriesStore& store,
                                 const TrainRequest& request) {
  SKIPCAST_TRY(TrainingOrigin origin, method.open());
  Loop loop(method, store, request, std::move(origin));
  if (request.resume) SKIPCAST_TRY_OK(loop.resume());
  SKIPCAST_TRY_OK(make_models_folder(store));
  return loop.run();
}

}  // namespace skipcast::engine
