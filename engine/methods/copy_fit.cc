#include "engine/methods/copy_fit.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/keys/analog_keys.h"
#include "engine/training/validation.h"
#include "retrieval/encoders/evenly_spread.h"

namespace skipcast::engine {
namespace {

constexpr double kMinutes = 10;
constexpr int64_t kStepsMax = 100000;
constexpr double kLearningRate = 5e-4;
constexpr double kEmaDecay = 0.998;
constexpr int64_t kBatchShare = 4;  // a step's windows: the task's batch over this
constexpr int64_t kValidationWindows = 192;
constexpr int64_t kValidations = 16;  // evenly over the budget
constexpr int64_t kNeighbours = 8;

}  // namespace

CopyFit::CopyFit(const storage::SeriesStore& store, const TrainRequest& request, const char* kind,
                 int64_t evaluations)
    : store_(store),
      request_(request),
      info_{.kind = kind,
            .retrieval = request.retrieval,
            .key = word(request.key),
            .key_mix = request.key_mix,
            .neighbours = kNeighbours,
            .evaluations = evaluations} {}

Result<TrainingOrigin> CopyFit::open() {
  SKIPCAST_TRY(base_, read_model(store_, request_.task));
  task_ = base_.parts.task;
  TrainingOrigin origin = {.task = task_,
                           .split = base_.parts.split,
                           .base = fmt::format("{} {} {} {} {}", base_.fingerprint, info_.retrieval,
                                               info_.key, info_.key_mix, info_.evaluations),
                           .checkpoint = checkpoint_path(store_, task_.name, request_.method)};
  task_.training.batch = std::max<int64_t>(1, task_.training.batch / kBatchShare);
  return origin;
}

Status CopyFit::find_analogs(const std::vector<int64_t>& training,
                             const std::vector<int64_t>& held_out) {
  SKIPCAST_TRY(const std::shared_ptr<const Model> model,
               Model::load(store_, request_.task, request_.compute));
  AnalogKeys keys(model, *dataset_, request_.progress, request_.memory_bytes);
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

Status CopyFit::prepare() {
  SKIPCAST_TRY(dataset_, Dataset::load(store_, task_, base_.parts.normalizer, kDatasetBytesMax,
                                       request_.compute));
  const storage::Schema& schema = store_.schema();
  std::vector<int64_t> origins = part_origins(schema.axis, task_, base_.parts.split, Part::kTrain);
  std::vector<int64_t> held_out = retrieval::evenly_spaced(
      part_origins(schema.axis, task_, base_.parts.split, Part::kValidation), kValidationWindows);
  if (origins.empty() || held_out.empty()) {
    return bad_input(
        fmt::format("task {}: the archive has no training or validation windows left", task_.name));
  }
  if (info_.retrieval) SKIPCAST_TRY_OK(find_analogs(origins, held_out));
  const AnalogTable* analogs = info_.retrieval ? &*training_analogs_ : nullptr;
  const AnalogTable* others = info_.retrieval ? &*held_out_analogs_ : nullptr;
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
  for (auto* network : {&network_, &average_}) {
    *network = copy_of(*base_.parts.network, task_, shape, info_.retrieval);
    (*network)->to(request_.compute.device);
    (*network)->eval();
  }
  for (auto& parameter : network_->parameters()) parameter.set_requires_grad(true);
  return {};
}

TrainingStage CopyFit::stage() {
  TrainingStage stage;
  stage.parameters = std::make_unique<FlatParameters>(*network_);
  stage.average = std::make_unique<FlatParameters>(*average_);
  stage.optimiser = std::make_unique<AdamW>(*stage.parameters);
  stage.options = task_.training;
  stage.options.minutes = kMinutes;
  stage.options.steps_max = kStepsMax;
  stage.options.learning_rate = kLearningRate;
  stage.options.ema_decay = kEmaDecay;
  stage.options.validations = kValidations;
  set_budget(request_, 1, stage.options);
  stage.label = request_.method;
  return stage;
}

HeldOutLoss CopyFit::held_out(bool with_retrieval, int64_t passes, const LossOf& loss) {
  const at::NoGradGuard no_grad;
  const int64_t steps = held_out_steps_ * passes;
  HeldOutLoss sum;
  for (int64_t step = 0; step < steps; ++step) {
    FineTuningBatch batch = held_out_->batch(step, /*drop=*/false);
    if (!with_retrieval && batch.retrieved) batch.retrieved->weight.zero_();
    const HeldOutLoss one = loss(batch, step);
    sum.loss += one.loss;
    sum.crps += one.crps;
  }
  return {sum.loss / static_cast<double>(steps), sum.crps / static_cast<double>(steps)};
}

Status CopyFit::finish(const std::vector<CopyScore>& scores, TrainReport& report) {
  StoredCopy copy = {.info = info_, .network = average_, .note = {}};
  copy.note["step"] = fmt::format("{}", report.best_step);
  for (const CopyScore& score : scores) {
    copy.note["validation_" + score.start] =
        fmt::format("{:.6f} with, {:.6f} without retrieval", score.with.loss, score.without.loss);
  }
  SKIPCAST_TRY_OK(save_copy(home_, copy));
  report.model_path = copy_path(store_.path(), task_.name, copy_kind(info_.kind));
  describe(scores, report);
  return {};
}

void CopyFit::describe(const std::vector<CopyScore>& scores, TrainReport& report) const {
  // Mean distance of the retrieved windows, not squared: of training windows as they would have
  // been in operation, and of validation windows. They should be alike: a network that trained on
  // nearer ones trusts them too much.
  const double training = info_.retrieval ? info_.distance_scale : 0;
  const double validation = info_.retrieval ? held_out_analogs_->mean_distance(kNeighbours) : 0;
  nlohmann::json list = nlohmann::json::array();
  for (const CopyScore& score : scores) {
    list.push_back({{"start", score.start},
                    {"with_retrieval", score.with.loss},
                    {"without_retrieval", score.without.loss},
                    {"crps_with_retrieval", score.with.crps},
                    {"crps_without_retrieval", score.without.crps}});
    std::string line = fmt::format("validation {:8} loss {:.4f} with retrieval, {:.4f} without",
                                   score.start, score.with.loss, score.without.loss);
    if (score.with.crps > 0) {
      line += fmt::format("; fair CRPS {:.4f} and {:.4f}", score.with.crps, score.without.crps);
    }
    report.lines.push_back(line);
  }
  if (info_.retrieval) {
    report.lines.push_back(fmt::format(
        "analogs   mean distance {:.4g} in training, {:.4g} on validation", training, validation));
  }
  report.lines.push_back(
      fmt::format("network   {} (at step {})", report.model_path, report.best_step));
  const nlohmann::json figures = {{"role", info_.kind},
                                  {"file", report.model_path},
                                  {"analog_distance_training", training},
                                  {"analog_distance_validation", validation},
                                  {"validation", list}};
  report.figures = figures.dump();
}

}  // namespace skipcast::engine
