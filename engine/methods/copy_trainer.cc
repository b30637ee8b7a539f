#include "engine/methods/copy_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>

#include "engine/keys/analog_keys.h"
#include "engine/methods/analog_batches.h"
#include "engine/models/model_file.h"
#include "engine/models/network_copy.h"
#include "engine/training/training_job.h"
#include "engine/training/validation.h"

namespace skipcast::engine {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kMinutes = 10;
constexpr int64_t kStepsMax = 100000;
constexpr double kLearningRate = 5e-4;
constexpr double kEmaDecay = 0.998;
constexpr int64_t kBatchShare = 4;  // a step's windows: the task's batch over this
constexpr int64_t kValidationWindows = 192;
constexpr int64_t kValidations = 16;  // evenly over the budget
constexpr int64_t kNeighbours = 8;
constexpr double kEntrySigma = 3;    // of analog starts that are validated
constexpr int64_t kFinalPasses = 2;  // over the validation windows, other noise each

// A run: built once, then run() until the budget is spent.
class Run {
 public:
  Run(const storage::SeriesStore& store, const FineTuneRequest& request, StoredModel base)
      : store_(store), request_(request), base_(std::move(base)), task_(base_.parts.task) {}

  Status build();
  Result<FineTuneReport> run();

 private:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  double fraction() const;
  bool finishes() const { return request_.copy == kOneStepCopy; }
  Status find_analogs(const std::vector<int64_t>& training, const std::vector<int64_t>& held_out);
  at::Tensor loss_at(int64_t step);
  Status train_one_step();
  double validation_loss(bool cold, bool with, int64_t passes, double* crps);
  std::vector<FineTuneScore> scores();
  void validate_now();
  Result<FineTuneReport> finish();

  const storage::SeriesStore& store_;
  const FineTuneRequest& request_;
  StoredModel base_;
  Task task_;
  CopyInfo info_;
  CopyHome home_;
  std::unique_ptr<Dataset> dataset_;
  std::optional<AnalogTable> training_analogs_, held_out_analogs_;
  std::unique_ptr<FineTuningSource> batches_, held_out_;
  std::shared_ptr<Network> network_, average_network_;
  std::unique_ptr<FlatParameters> parameters_, average_;
  std::unique_ptr<AdamW> optimiser_;
  int64_t step_ = 0, best_step_ = 0, validations_ = 0, held_out_steps_ = 0;
  double loss_ = 0, best_ = 0;
  at::Tensor best_values_;
  Clock::time_point start_ = Clock::now();
};

Status Run::find_analogs(const std::vector<int64_t>& training,
                         const std::vector<int64_t>& held_out) {
  SKIPCAST_TRY(const std::shared_ptr<const Model> model,
               Model::load(store_, request_.task, request_.compute));
  AnalogKeys keys(model, *dataset_, request_.progress, storage::kMemoryBytesDefault);
  const StartOptions start = {.key = request_.key, .key_mix = request_.key_mix};
  SKIPCAST_TRY(const retrieval::AnalogIndex* index, keys.index(start));
  SKIPCAST_TRY(training_analogs_,
               AnalogTable::for_training(*index, task_, base_.parts.split, training, kAnalogPool));
  SKIPCAST_TRY(held_out_analogs_,
               AnalogTable::for_validation(*index, task_, held_out, kAnalogPool));
  if (training_analogs_->origins().empty() || held_out_analogs_->origins().empty()) {
    return bad_input(fmt::format("task {}: no training window has an analog", task_.name));
  }
  info_.distance_scale = training_analogs_->mean_distance(kNeighbours);
  return {};
}

Status Run::build() {
  task_.training.batch = std::max<int64_t>(1, task_.training.batch / kBatchShare);
  info_ = {.kind = request_.copy,
           .retrieval = request_.retrieval,
           .key = word(request_.key),
           .key_mix = request_.key_mix,
           .neighbours = kNeighbours,
           .evaluations = finishes() ? request_.evaluations : 1};
  SKIPCAST_TRY(dataset_, Dataset::load(store_, task_, base_.parts.normalizer, kDatasetBytesMax,
                                       request_.compute));
  const storage::Schema& schema = store_.schema();
  std::vector<int64_t> origins = part_origins(schema.axis, task_, base_.parts.split, Part::kTrain);
  std::vector<int64_t> held_out = evenly_spaced(
      part_origins(schema.axis, task_, base_.parts.split, Part::kValidation), kValidationWindows);
  if (origins.empty() || held_out.empty()) {
    return bad_input(
        fmt::format("task {}: the archive has no training or validation windows left", task_.name));
  }
  if (request_.retrieval) SKIPCAST_TRY_OK(find_analogs(origins, held_out));
  const AnalogTable* analogs = request_.retrieval ? &*training_analogs_ : nullptr;
  const AnalogTable* others = request_.retrieval ? &*held_out_analogs_ : nullptr;
  const int64_t windows = task_.training.batch;
  held_out_steps_ = (static_cast<int64_t>(held_out.size()) + windows - 1) / windows;
  move_to(request_.compute, base_.parts);
  batches_ = std::make_unique<FineTuningSource>(*dataset_, base_.parts.target, analogs, info_,
                                                std::move(origins));
  held_out_ = std::make_unique<FineTuningSource>(*dataset_, base_.parts.target, others, info_,
                                                 std::move(held_out));
  const NetworkShape shape =
      shape_of(task_, schema.places, base_.parts.normalizer, base_.parts.target);
  home_ = copy_home(store_, task_, shape, base_.fingerprint);
  for (auto* network : {&network_, &average_network_}) {
    *network = copy_of(*base_.parts.network, task_, shape, request_.retrieval);
    (*network)->to(request_.compute.device);
    (*network)->eval();
  }
  for (auto& parameter : network_->parameters()) parameter.set_requires_grad(true);
  parameters_ = std::make_unique<FlatParameters>(*network_);
  average_ = std::make_unique<FlatParameters>(*average_network_);
  optimiser_ = std::make_unique<AdamW>(*parameters_);
  return {};
}

double Run::fraction() const {
  const TrainingBudget budget = {request_.minutes, kMinutes, request_.steps_max, kStepsMax};
  return budget.fraction(step_, seconds());
}

// Cold and analog starts in turn; with two evaluations, one and two in turn.
at::Tensor Run::loss_at(int64_t step) {
  const FineTuningBatch batch = batches_->batch(step, /*drop=*/true);
  const DropoutGuard dropping(*network_, task_, step);
  if (!finishes()) return conditioned_loss(*network_, batch, task_, step);
  const OneStepPass pass = {.step = step,
                            .evaluations = 1 + step / 2 % request_.evaluations,
                            .cold = step % 2 == 0 || !batch.starts.defined()};
  return one_step_loss(*network_, batch, task_, base_.parts.target, pass).total;
}

Status Run::train_one_step() {
  const TrainingOptions& t = task_.training;
  parameters_->gradients.zero_();
  const at::AutoGradMode with_gradients(true);  // whatever the caller's thread is set to
  const at::Tensor loss = loss_at(step_);
  loss.backward();
  const double value = loss.item<double>();
  if (!std::isfinite(value)) {
    return bad_input(fmt::format("task {}: the loss is not finite at step {}; nothing is changed",
                                 task_.name, step_));
  }
  clip_gradient(*parameters_, t.gradient_clip);
  const double rate = kLearningRate * learning_rate_factor(t, step_, fraction());
  optimiser_->update(*parameters_, rate, t.weight_decay, step_ + 1);
  const at::NoGradGuard no_grad;
  const double decay = std::min(kEmaDecay, (1.0 + double(step_)) / (10.0 + double(step_)));
  average_->values.lerp_(parameters_->values, 1 - decay);
  loss_ = step_ == 0 ? value : loss_ + 0.02 * (value - loss_);
  ++step_;
  return {};
}

// The mean loss of the averaged weights on validation windows, with the same noise every time.
double Run::validation_loss(bool cold, bool with, int64_t passes, double* crps) {
  const at::NoGradGuard no_grad;
  const int64_t steps = held_out_steps_ * passes;
  double sum = 0, crps_sum = 0;
  for (int64_t step = 0; step < steps; ++step) {
    FineTuningBatch batch = held_out_->batch(step, /*drop=*/false);
    if (!with && batch.retrieved) batch.retrieved->weight.zero_();
    if (!finishes()) {
      sum += conditioned_loss(*average_network_, batch, task_, step).item<double>();
      continue;
    }
    const OneStepPass pass = {.step = step,
                              .evaluations = request_.evaluations,
                              .cold = cold,
                              .entry_sigma = kEntrySigma};
    const OneStepLoss loss =
        one_step_loss(*average_network_, batch, task_, base_.parts.target, pass);
    sum += loss.total.item<double>();
    crps_sum += loss.crps.item<double>();
  }
  if (crps != nullptr) *crps = crps_sum / static_cast<double>(steps);
  return sum / static_cast<double>(steps);
}

std::vector<FineTuneScore> Run::scores() {
  std::vector<FineTuneScore> all;
  const auto add = [&](const char* start, bool cold) {
    FineTuneScore score = {.start = start};
    score.with = validation_loss(cold, true, kFinalPasses, &score.crps_with);
    score.without = validation_loss(cold, false, kFinalPasses, &score.crps_without);
    all.push_back(score);
  };
  add(finishes() ? "cold" : "chain", true);
  if (finishes() && request_.retrieval) add("analog", false);
  return all;
}

// By all that it will be asked for: a one-step model with retrieval is told, from analogs, and from
// noise is not told. Analogs alone are best so early that nothing has been learned of noise.
void Run::validate_now() {
  ++validations_;
  const double untold = validation_loss(true, !finishes(), 1, nullptr);
  const bool both = finishes() && request_.retrieval;
  const double now = both ? (untold + validation_loss(false, true, 1, nullptr)) / 2 : untold;
  if (best_values_.defined() && now >= best_) return;
  best_ = now;
  best_step_ = step_;
  best_values_ = average_->values.clone();
}

Result<FineTuneReport> Run::finish() {
  {
    const at::NoGradGuard no_grad;
    average_->values.copy_(best_values_);
  }
  const std::vector<FineTuneScore> scored = scores();
  StoredCopy tuned = {.info = info_, .network = average_network_, .note = {}};
  tuned.note["step"] = fmt::format("{}", best_step_);
  for (const FineTuneScore& score : scored) {
    tuned.note["validation_" + score.start] =
        fmt::format("{:.6f} with, {:.6f} without retrieval", score.with, score.without);
  }
  SKIPCAST_TRY_OK(save_copy(home_, tuned));
  FineTuneReport report = {.steps = step_,
                           .best_step = best_step_,
                           .parameters = average_network_->parameter_count(),
                           .seconds = seconds(),
                           .loss = loss_,
                           .scores = scored,
                           .path = copy_path(store_.path(), task_.name, copy_kind(info_.kind))};
  if (request_.retrieval) {
    report.training_distance = info_.distance_scale;
    report.validation_distance = held_out_analogs_->mean_distance(kNeighbours);
  }
  return report;
}

Result<FineTuneReport> Run::run() {
  start_ = Clock::now();
  while (fraction() < 1) {
    SKIPCAST_TRY_OK(train_one_step());
    if (fraction() * kValidations >= static_cast<double>(validations_ + 1)) validate_now();
    std::string detail = fmt::format("step {}, loss {:.4f}", step_, loss_);
    if (best_step_ > 0) detail += fmt::format(", validation {:.4f} (step {})", best_, best_step_);
    if (!tell(request_.progress, {std::min(1.0, fraction()), info_.kind, detail})) {
      return Status(Code::kInterrupted, "stopped; nothing is changed");
    }
  }
  if (!best_values_.defined()) validate_now();
  return finish();
}

}  // namespace

Result<FineTuneReport> fine_tune(const storage::SeriesStore& store,
                                 const FineTuneRequest& request) {
  if (request.evaluations < 1 || request.evaluations > 2) {
    return usage(fmt::format("a finisher makes a member in 1 or 2 evaluations, not {}",
                             request.evaluations));
  }
  SKIPCAST_TRY(StoredModel stored, read_model(store, request.task));
  const std::string task = stored.parts.task.name;
  return training_job(task, request.threads, "", [&]() -> Result<FineTuneReport> {
    Run run(store, request, std::move(stored));
    SKIPCAST_TRY_OK(run.build());
    return run.run();
  });
}

}  // namespace skipcast::engine
