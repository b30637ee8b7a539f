#include "engine/methods/network_trainer.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/data/folds.h"
#include "engine/models/model_file.h"
#include "engine/training/batches.h"
#include "engine/training/checkpoint.h"
#include "engine/training/training_job.h"
#include "engine/training/validation.h"
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

// One JSON object a line, appended; a log that cannot be written is no reason to stop training.
class Log {
 public:
  explicit Log(const std::string& path) : file_(std::fopen(path.c_str(), "a")) {}
  ~Log() {
    if (file_) std::fclose(file_);
  }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void line(const Json& event) {
    if (!file_) return;
    std::fputs((event.dump() + "\n").c_str(), file_);
    std::fflush(file_);
  }

 private:
  std::FILE* file_;
};

Status make_models_folder(const storage::SeriesStore& store) {
  std::error_code error;
  std::filesystem::create_directories(store.path() + "/models", error);
  if (error) return storage::system_error("create", store.path() + "/models", error.value());
  return {};
}

// Of one of `runs` that share the minutes. Steps given alone rule alone: the learning rate is then
// a function of the step.
void set_budget(const TrainRequest& request, int64_t runs, TrainingOptions& training) {
  if (request.steps_max > 0) {
    training.steps_max = request.steps_max;
    training.minutes = 0;
  }
  if (request.minutes > 0) training.minutes = request.minutes;
  training.minutes /= static_cast<double>(runs);
}

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

// A training run: built once, then run() until the budget is spent.
class Run {
 public:
  static Result<std::unique_ptr<Run>> prepare(const storage::SeriesStore& store, const Task& task,
                                              const TrainRequest& request);
  // One of the folds of a model that is there (folds.h): what it learns stays in memory.
  static Result<std::unique_ptr<Run>> prepare_fold(const storage::SeriesStore& store,
                                                   const ModelParts& model,
                                                   const TrainRequest& request, int64_t fold);
  Result<TrainReport> run();
  // With the best weights, after run().
  std::shared_ptr<Network> network() const { return parts_.network; }

 private:
  Run(const storage::SeriesStore& store, const TrainRequest& request, ModelParts parts)
      : store_(store),
        request_(request),
        parts_(std::move(parts)),
        paths_(model_paths(store, parts_.task.name)),
        log_(paths_.log) {}
  Status build();
  Status train_one_step();
  Status validate_now();
  Status save_checkpoint();
  Status report_step();
  double fraction() const;
  double seconds() const { return earlier_seconds_ + seconds_since(start_); }
  bool validation_due() const;
  TrainingTensors tensors() { return {*parameters_, *average_, *optimiser_}; }

  const storage::SeriesStore& store_;
  const TrainRequest& request_;
  ModelParts parts_;  // parts_.network is the EMA's network, what users get
  const ModelPaths paths_;
  Log log_;
  std::unique_ptr<Dataset> dataset_;
  std::shared_ptr<Network> network_;
  std::unique_ptr<FlatParameters> parameters_, average_;
  std::unique_ptr<AdamW> optimiser_;
  std::unique_ptr<BatchSource> batches_;
  std::vector<int64_t> validation_origins_;
  CheckpointOwner owner_;
  TrainingState state_;
  std::optional<int64_t> fold_;
  at::Tensor best_values_;  // of a fold
  ValidationScores last_scores_;
  double loss_ = 0;  // smoothed
  double earlier_seconds_ = 0;
  Clock::time_point start_ = Clock::now(), reported_ = start_, saved_ = start_;
};

Result<std::unique_ptr<Run>> Run::prepare(const storage::SeriesStore& store, const Task& task,
                                          const TrainRequest& request) {
  Split split = split_of(task, store.size());
  if (request.resume) {
    SKIPCAST_TRY(const TrainingState state,
                 read_checkpoint_state(model_paths(store, task.name).checkpoint));
    split = state.split;
  }
  SKIPCAST_TRY(retrieval::Normalizer normalizer,
               retrieval::Normalizer::fit(store, normalizer_options(store, task, split)));
  SKIPCAST_TRY_OK(make_models_folder(store));
  ModelParts parts{.task = task, .split = split, .normalizer = std::move(normalizer)};
  std::unique_ptr<Run> run(new Run(store, request, std::move(parts)));
  run->state_.split = split;
  SKIPCAST_TRY_OK(run->build());
  return run;
}

Result<std::unique_ptr<Run>> Run::prepare_fold(const storage::SeriesStore& store,
                                               const ModelParts& model, const TrainRequest& request,
                                               int64_t fold) {
  ModelParts parts{.task = model.task,
                   .split = model.split,
                   .normalizer = model.normalizer,
                   .target = model.target};
  set_budget(request, kFolds, parts.task.training);
  std::unique_ptr<Run> run(new Run(store, request, std::move(parts)));
  run->state_.split = model.split;
  run->fold_ = fold;
  SKIPCAST_TRY_OK(run->build());
  return run;
}

Status Run::build() {
  const Task& task = parts_.task;
  SKIPCAST_TRY(dataset_,
               Dataset::load(store_, task, parts_.normalizer, kDatasetBytesMax, request_.compute));
  const storage::Schema& schema = store_.schema();
  std::vector<int64_t> origins = part_origins(schema.axis, task, parts_.split, Part::kTrain);
  const std::vector<int64_t> held_out =
      part_origins(schema.axis, task, parts_.split, Part::kValidation);
  if (origins.empty() || held_out.empty()) {
    return bad_input(fmt::format(
        "task {}: {} states are too few for its split; {} training and {} validation windows",
        task.name, parts_.split.states, origins.size(), held_out.size()));
  }
  validation_origins_ = evenly_spaced(held_out, task.training.validation_windows);
  if (fold_) {
    origins = fold_origins(task, parts_.split, origins, *fold_);
  } else {
    parts_.target = fit_target_space(*dataset_, origins);
  }
  if (origins.empty()) {
    return bad_input(
        fmt::format("task {}: its training part is too short to be cross-fitted", task.name));
  }
  const NetworkShape shape = shape_of(task, schema.places, parts_.normalizer, parts_.target);
  network_ = make_network(task.network, shape);
  network_->initialise(task.training.seed);
  network_->train();
  parts_.network = make_network(task.network, shape);
  parts_.network->initialise(task.training.seed);
  parts_.network->eval();
  network_->to(request_.compute.device);
  parts_.network->to(request_.compute.device);
  parameters_ = std::make_unique<FlatParameters>(*network_);
  average_ = std::make_unique<FlatParameters>(*parts_.network);
  optimiser_ = std::make_unique<AdamW>(*parameters_);
  batches_ = std::make_unique<BatchSource>(*dataset_, parts_.target, std::move(origins));
  owner_ = owner_of(store_, task, parameters_->layout);
  if (!request_.resume) return {};
  SKIPCAST_TRY(state_, read_checkpoint(paths_.checkpoint, owner_, tensors()));
  earlier_seconds_ = state_.seconds;
  return {};
}

double Run::fraction() const {
  const TrainingOptions& t = parts_.task.training;
  const double by_steps = static_cast<double>(state_.step) / static_cast<double>(t.steps_max);
  const double by_clock = t.minutes > 0 ? seconds() / (60 * t.minutes) : 0;
  return std::max(by_steps, by_clock);
}

bool Run::validation_due() const {
  return fraction() * static_cast<double>(parts_.task.training.validations) >=
         static_cast<double>(state_.validations + 1);
}

Status Run::train_one_step() {
  const TrainingOptions& t = parts_.task.training;
  const double rate = t.learning_rate * learning_rate_factor(t, state_.step, fraction());
  parameters_->gradients.zero_();
  const at::AutoGradMode with_gradients(true);  // whatever the caller's thread is set to
  const at::Tensor loss = [&] {
    const ArithmeticGuard arithmetic(request_.compute);
    return edm_loss(*network_, batches_->batch(state_.step), parts_.task, state_.step);
  }();
  loss.backward();
  batches_->fetch_ahead(state_.step + 1);  // while the device is at this one
  const double value = loss.item<double>();
  if (!std::isfinite(value)) {
    return bad_input(
        fmt::format("task {}: the loss is not finite at step {}; lower "
                    "\"learning_rate\" and train again",
                    parts_.task.name, state_.step));
  }
  clip_gradient(*parameters_, t.gradient_clip);
  optimiser_->update(*parameters_, rate, t.weight_decay, state_.step + 1);
  const at::NoGradGuard no_grad;
  average_->values.lerp_(parameters_->values, 1 - ema_decay_at(t, state_.step));
  loss_ = state_.step == 0 || loss_ == 0 ? value : loss_ + 0.01 * (value - loss_);
  ++state_.step;
  return {};
}

Status Run::validate_now() {
  const Task& task = parts_.task;
  last_scores_ = validate(parts_, *dataset_, validation_origins_);
  ++state_.validations;
  const bool better = state_.best_step == 0 || last_scores_.score < state_.best_score;
  log_.line({{"event", "validate"},
             {"task", task.name},
             {"step", state_.step},
             {"seconds", seconds()},
             {"loss", loss_},
             {"crps", last_scores_.crps},
             {"crps_physical", last_scores_.crps_physical},
             {"score", last_scores_.score},
             {"spread_skill", last_scores_.spread_skill},
             {"best", better}});
  if (!better) return {};
  state_.best_score = last_scores_.score;
  state_.best_crps = last_scores_.crps;
  state_.best_step = state_.step;
  if (fold_) {
    best_values_ = average_->values.clone();
    return {};
  }
  return save_model(store_, parts_,
                    {{"step", std::to_string(state_.step)},
                     {"validation_crps", fmt::format("{:.6f}", last_scores_.crps)}});
}

Status Run::save_checkpoint() {
  if (fold_) return {};
  state_.seconds = seconds();
  saved_ = Clock::now();
  return write_checkpoint(paths_.checkpoint, owner_, state_, tensors());
}

Status Run::report_step() {
  if (seconds_since(reported_) > kReportSeconds) {
    reported_ = Clock::now();
    log_.line({{"event", "train"}, {"step", state_.step}, {"seconds", seconds()}, {"loss", loss_}});
  }
  ProgressStep step{std::min(1.0, fraction()),
                    fold_ ? fmt::format("fold {} of {}", *fold_ + 1, kFolds) : "train",
                    fmt::format("step {}, loss {:.4f}", state_.step, loss_)};
  if (state_.best_step > 0) {
    step.detail +=
        fmt::format(", validation CRPS {:.4f} (best {:.4f})", last_scores_.crps, state_.best_crps);
  }
  if (tell(request_.progress, step)) return {};
  if (fold_) return Status(Code::kInterrupted, "stopped; the model is as it was");
  SKIPCAST_TRY_OK(save_checkpoint());
  return Status(Code::kInterrupted,
                fmt::format("training stopped at step {}; run again with --resume", state_.step));
}

Result<TrainReport> Run::run() {
  while (fraction() < 1) {
    SKIPCAST_TRY_OK(train_one_step());
    if (validation_due()) SKIPCAST_TRY_OK(validate_now());
    if (seconds_since(saved_) > kCheckpointSeconds) SKIPCAST_TRY_OK(save_checkpoint());
    SKIPCAST_TRY_OK(report_step());
  }
  if (state_.best_step == 0) SKIPCAST_TRY_OK(validate_now());
  SKIPCAST_TRY_OK(save_checkpoint());
  if (fold_) {
    const at::NoGradGuard no_grad;
    average_->values.copy_(best_values_);
  }
  return TrainReport{
      state_.step,      state_.best_step, network_->parameter_count(), state_.seconds, loss_,
      state_.best_crps, paths_.weights};
}

}  // namespace

Result<TrainReport> cross_fit(const storage::SeriesStore& store, const TrainRequest& request) {
  SKIPCAST_TRY(StoredModel stored, read_model(store, request.task));
  ModelParts& parts = stored.parts;
  return training_job(
      parts.task.name, request.threads, "; lower \"batch\" or \"width\"",
      [&]() -> Result<TrainReport> {
        TrainReport report = {.model_path = model_paths(store, parts.task.name).weights};
        parts.folds.clear();
        for (int64_t fold = 0; fold < kFolds; ++fold) {
          SKIPCAST_TRY(const std::unique_ptr<Run> run,
                       Run::prepare_fold(store, parts, request, fold));
          SKIPCAST_TRY(const TrainReport one, run->run());
          parts.folds.push_back(run->network());
          parts.folds.back()->to(at::kCPU);
          report.steps += one.steps;
          report.best_step += one.best_step;
          report.parameters += one.parameters;
          report.seconds += one.seconds;
          report.loss += one.loss / double(kFolds);
          report.validation_crps += one.validation_crps / double(kFolds);
        }
        SKIPCAST_TRY_OK(save_model(store, parts, stored.note));
        return report;
      });
}

Result<TrainReport> train(const storage::SeriesStore& store, const TrainRequest& request) {
  SKIPCAST_TRY(const Task task, task_of(store, request));
  return training_job(
      task.name, request.threads, "; lower \"batch\" or \"width\"", [&]() -> Result<TrainReport> {
        SKIPCAST_TRY(const std::unique_ptr<Run> run, Run::prepare(store, task, request));
        return run->run();
      });
}

}  // namespace skipcast::engine
