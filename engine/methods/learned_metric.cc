// Training a task's learned metric (`--key metric`): weights of features of context and mean
// forecast by which past windows are compared (engine/keys/metric_fit.h says what is minimised).
//
// Fitted on validation windows, whose mean forecasts the network never saw the futures of: fitted
// on training windows a metric trusts the mean forecast more than it deserves. Analogs come from
// all that ended before a window (DESIGN decision 6, with the tuning band). Each half of the
// validation part is fitted on alone and judged on the other; the metric that is written is fitted
// on both, and keeps its start (nearly the forecast key) where neither half gained. So it has two
// stages or three. models/<task>.metric.safetensors is written durably at the end.
#include "engine/methods/learned_metric.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/keys/analog_keys.h"
#include "engine/keys/metric_fit.h"
#include "engine/keys/metric_key.h"
#include "engine/keys/metric_score.h"
#include "engine/methods/method_table.h"
#include "engine/training/validation.h"
#include "retrieval/encoders/evenly_spread.h"

namespace skipcast::engine {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

constexpr double kMinutes = 3;           // of the steps, not of what they need
constexpr int64_t kSteps = 200;          // of one fit
constexpr int64_t kFits = 3;             // each half, and both
constexpr int64_t kAnchorsHalf = 1000;   // of each half of the validation part
constexpr int64_t kHeldOut = 200;        // windows that keys are compared on
constexpr int64_t kScaleWindows = 1024;  // of the training part
constexpr double kLeastShare = 1e-4;     // of the squared distance: less is left out
constexpr size_t kSharesShown = 6;
constexpr double kAnchorsUntil = 0.6, kFitsUntil = 0.75;  // of the progress
constexpr double kLearningRate = 0.08;
constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;

// Adam (Kingma & Ba 2015) with its own longer memory, for a handful of parameters.
class Adam : public Optimiser {
 public:
  using Optimiser::Optimiser;
  void update(FlatParameters& parameters, double learning_rate, double, int64_t step) override {
    const at::NoGradGuard no_grad;
    const at::Tensor& g = parameters.gradients;
    first.lerp_(g, 1 - kBeta1);
    second.mul_(kBeta2).addcmul_(g, g, 1 - kBeta2);
    const auto count = static_cast<double>(step);
    const at::Tensor size = (second / (1 - std::pow(kBeta2, count))).sqrt() + kEpsilon;
    parameters.values.sub_(learning_rate * (first / (1 - std::pow(kBeta1, count))) / size);
  }
};

// What the keys are worth on windows of the second half of the validation part; the metric key as
// fitted on the first.
struct Judgement {
  KeyWorth context, forecast, learned;
  int64_t windows = 0;
  double windows_per_second = 0;  // embedded by the metric key, mean forecasts at hand
};

struct Share {
  std::string group;
  double share = 0;  // of the mean squared distance
};

class LearnedMetricMethod : public Method {
 public:
  LearnedMetricMethod(const storage::SeriesStore& store, const TrainRequest& request,
                      std::shared_ptr<const Model> model)
      : store_(store), request_(request), model_(std::move(model)) {}

  Result<TrainingOrigin> open() override;
  Status prepare(const TrainingState*) override;
  bool has_stage(int64_t stage) const override { return stage < (gained_ ? kFits : kFits - 1); }
  Result<TrainingStage> begin(int64_t fit) override;
  at::Tensor loss(int64_t step) override {
    return objective_->loss(theta_, *anchors_, model_->task().training.seed, step);
  }
  Status end(int64_t fit) override;
  Status finish(TrainReport& report) override;

 private:
  struct Half {
    std::vector<int64_t> origins;
    Anchors anchors;
  };

  Progress part(double from, double to) const;
  Status make_half(std::span<const int64_t> origins, double from, double to, Half& half);
  LearnedMetric metric_of(const std::vector<double>& weights) const;
  Result<std::unique_ptr<retrieval::AnalogIndex>> index_of(const LearnedMetric& metric) const;
  Result<Judgement> judge() const;
  std::vector<Share> shares_of(const std::vector<double>& weights) const;
  void describe(const Judgement& judged, const std::vector<Share>& shares,
                TrainReport& report) const;

  const storage::SeriesStore& store_;
  const TrainRequest& request_;
  std::shared_ptr<const Model> model_;
  std::unique_ptr<Dataset> dataset_;
  std::unique_ptr<AnalogKeys> keys_;
  std::shared_ptr<const MetricFeatures> features_;
  std::unique_ptr<const MetricObjective> objective_;
  std::vector<double> scales_;
  const retrieval::AnalogIndex* context_ = nullptr;
  const retrieval::AnalogIndex* forecast_ = nullptr;
  retrieval::Guard guard_;
  Half first_, second_;
  Anchors both_;
  const Anchors* anchors_ = nullptr;          // of the fit
  at::Tensor theta_;                          // its parameters
  std::vector<std::vector<double>> weights_;  // of the fits that have ended
  bool gained_ = false;  // on the halves of the validation part that it was not fitted on
};

// A part of the whole run's progress.
Progress LearnedMetricMethod::part(double from, double to) const {
  return [this, from, to](const ProgressStep& step) {
    return tell(request_.progress,
                {from + (to - from) * step.fraction, "metric", step.what + ": " + step.detail});
  };
}

Result<TrainingOrigin> LearnedMetricMethod::open() {
  if (model_ == nullptr) {
    SKIPCAST_TRY(model_, Model::load(store_, request_.task));
  }
  return TrainingOrigin{.task = model_->task(),
                        .split = model_->split(),
                        .base = model_->fingerprint(),
                        .checkpoint = checkpoint_path(store_, model_->task().name, request_.method),
                        .if_diverged = "the learned metric, if there was one, is as it was"};
}

Status LearnedMetricMethod::make_half(std::span<const int64_t> origins, double from, double to,
                                      Half& half) {
  half.origins.assign(origins.begin(), origins.end());
  const AnchorSource source = {*dataset_, *features_, scales_, {context_, forecast_}, guard_};
  SKIPCAST_TRY(half.anchors, make_anchors(source, retrieval::evenly_spaced(origins, kAnchorsHalf),
                                          part(from, to)));
  return {};
}

Status LearnedMetricMethod::prepare(const TrainingState*) {
  SKIPCAST_TRY(dataset_, Dataset::load(store_, model_->task(), model_->normalizer()));
  keys_ = std::make_unique<AnalogKeys>(model_, *dataset_, request_.progress, request_.memory_bytes);
  SKIPCAST_TRY(const std::shared_ptr<MeanTable> means, keys_->means());
  SKIPCAST_TRY(context_, keys_->index({.key = KeyKind::kContext}));
  SKIPCAST_TRY(forecast_, keys_->index({.key = KeyKind::kForecast}));
  features_ = std::make_shared<MetricFeatures>(*dataset_, means);
  objective_ = std::make_unique<MetricObjective>(*features_);
  scales_ = group_scales(*features_,
                         retrieval::evenly_spaced(fit_origins(*model_, *dataset_), kScaleWindows));
  guard_ = guard_for(*model_, {.tuning_band = true});
  std::vector<int64_t> all =
      part_origins(store_.schema().axis, model_->task(), model_->split(), Part::kValidation);
  const size_t half = all.size() / 2;
  if (half < 2) {
    return bad_input(fmt::format("task {}: the validation part is too short to train a metric on",
                                 model_->task().name));
  }
  const std::span<const int64_t> origins(all);
  SKIPCAST_TRY_OK(make_half(origins.first(half), 0, kAnchorsUntil / 2, first_));
  SKIPCAST_TRY_OK(make_half(origins.subspan(half), kAnchorsUntil / 2, kAnchorsUntil, second_));
  both_ = joined(first_.anchors, second_.anchors);
  return {};
}

Result<TrainingStage> LearnedMetricMethod::begin(int64_t fit) {
  anchors_ = fit == 0 ? &first_.anchors : fit == 1 ? &second_.anchors : &both_;
  theta_ = objective_->first_parameters();
  TrainingStage stage;
  stage.parameters = std::make_unique<FlatParameters>(theta_, "learned metric");
  stage.optimiser = std::make_unique<Adam>(*stage.parameters);
  stage.options.minutes = kMinutes;
  stage.options.steps_max = kSteps;
  stage.options.learning_rate = kLearningRate;
  stage.options.gradient_clip = 0;
  stage.options.validations = 0;
  set_budget(request_, kFits, stage.options);
  stage.constant_rate = true;
  stage.label = "metric";
  stage.part = fmt::format("fit {} of {}", fit + 1, kFits);
  const double share = (kFitsUntil - kAnchorsUntil) / double(kFits);
  stage.begins = kAnchorsUntil + share * double(fit);
  stage.ends = kAnchorsUntil + share * double(fit + 1);
  return stage;
}

Status LearnedMetricMethod::end(int64_t fit) {
  weights_.push_back(objective_->weights(theta_.detach()));
  if (fit != 1) return {};
  const std::vector<double> start = start_weights(*features_);
  const double crossed =
      pool_score(second_.anchors, weights_[0]) + pool_score(first_.anchors, weights_[1]);
  const double before = pool_score(second_.anchors, start) + pool_score(first_.anchors, start);
  gained_ = crossed < before;
  return {};
}

LearnedMetric LearnedMetricMethod::metric_of(const std::vector<double>& weights) const {
  LearnedMetric metric;
  for (size_t g = 0; g < weights.size(); ++g) {
    const bool counts = weights[g] >= kLeastShare;
    metric.factors.push_back(counts ? static_cast<float>(weights[g] * scales_[g]) : 0.0f);
  }
  return metric;
}

Result<std::unique_ptr<retrieval::AnalogIndex>> LearnedMetricMethod::index_of(
    const LearnedMetric& metric) const {
  SKIPCAST_TRY(std::unique_ptr<retrieval::Encoder> encoder,
               projected(make_metric_encoder(features_, metric), fit_origins(*model_, *dataset_)));
  return retrieval::AnalogIndex::open(
      store_, std::move(encoder),
      {.spec = model_->task().spec, .memory_bytes = request_.memory_bytes},
      part(kFitsUntil, kFitsUntil + 0.1));
}

Result<Judgement> LearnedMetricMethod::judge() const {
  Judgement judged;
  const Clock::time_point began = Clock::now();
  SKIPCAST_TRY(const auto learned,
               index_of(metric_of(gained_ ? weights_[0] : start_weights(*features_))));
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  judged.windows_per_second = double(learned->rows()) / std::max(1e-9, seconds);
  const std::vector<int64_t> origins = retrieval::evenly_spaced(second_.origins, kHeldOut);
  judged.windows = static_cast<int64_t>(origins.size());
  const auto worth = [&](const retrieval::AnalogIndex& index, double from) {
    return key_worth(*dataset_, index, guard_, origins, part(from, from + 0.05));
  };
  SKIPCAST_TRY(judged.context, worth(*context_, 0.85));
  SKIPCAST_TRY(judged.forecast, worth(*forecast_, 0.9));
  SKIPCAST_TRY(judged.learned, worth(*learned, 0.95));
  return judged;
}

// Of the families of groups, largest first.
std::vector<Share> LearnedMetricMethod::shares_of(const std::vector<double>& weights) const {
  std::vector<Share> shares;
  for (size_t g = 0; g < weights.size(); ++g) {
    const std::string& family = features_->groups()[g].family;
    if (shares.empty() || shares.back().group != family) shares.push_back({family, 0});
    shares.back().share += weights[g];
  }
  std::stable_sort(shares.begin(), shares.end(),
                   [](const auto& a, const auto& b) { return a.share > b.share; });
  return shares;
}

Json worth_json(const KeyWorth& worth) {
  return {{"crps_fair", worth.crps},
          {"crps_fair_normalised", worth.crps_normalised},
          {"rank_correlation", worth.rank_correlation}};
}

std::string worth_line(const char* key, const KeyWorth& worth) {
  return fmt::format("{:9} raw analogs' CRPS {:.4f} ({:.4f} normalised), rank correlation {:.3f}",
                     key, worth.crps, worth.crps_normalised, worth.rank_correlation);
}

void LearnedMetricMethod::describe(const Judgement& judged, const std::vector<Share>& shares,
                                   TrainReport& report) const {
  Json figures = {{"metric", report.model_path},
                  {"anchors", both_.count()},
                  {"gained", gained_},
                  {"held_out_windows", judged.windows},
                  {"windows_per_second", judged.windows_per_second},
                  {"context", worth_json(judged.context)},
                  {"forecast", worth_json(judged.forecast)},
                  {"learned", worth_json(judged.learned)}};
  std::string list;
  for (size_t i = 0; i < shares.size(); ++i) {
    figures["shares"][shares[i].group] = shares[i].share;
    if (i >= kSharesShown) continue;
    list +=
        fmt::format("{}{} {:.0f} %", i == 0 ? "" : ", ", shares[i].group, 100 * shares[i].share);
  }
  report.figures = figures.dump();
  report.lines = {fmt::format("embeds    {:.0f} windows/s; fitted on {} windows",
                              judged.windows_per_second, both_.count()),
                  worth_line("context", judged.context),
                  worth_line("forecast", judged.forecast),
                  worth_line("learned", judged.learned),
                  fmt::format("          on {} validation windows that its rehearsal had not seen",
                              judged.windows),
                  fmt::format("compares  {}", list)};
  if (!gained_) {
    report.lines.emplace_back(
        "note      nothing was gained on held-out windows: it stays close to the forecast key");
  }
  report.lines.push_back(
      fmt::format("metric    {}: use it by --key metric; tune tries it", report.model_path));
}

Status LearnedMetricMethod::finish(TrainReport& report) {
  report.steps = report.stages.back().steps;
  report.best_step = report.stages.back().best_step;
  report.parameters = report.stages.back().parameters;
  SKIPCAST_TRY(const Judgement judged, judge());
  const std::vector<double> weights = gained_ ? weights_.back() : start_weights(*features_);
  LearnedMetric metric = metric_of(weights);
  metric.note = {{"steps", std::to_string(report.steps)},
                 {"validation_crps_context", fmt::format("{:.6g}", judged.context.crps)},
                 {"validation_crps_forecast", fmt::format("{:.6g}", judged.forecast.crps)},
                 {"validation_crps_learned", fmt::format("{:.6g}", judged.learned.crps)}};
  report.model_path = metric_path(store_, model_->task().name);
  SKIPCAST_TRY_OK(save_metric(store_, *model_, *features_, metric));
  describe(judged, shares_of(weights), report);
  return {};
}

std::unique_ptr<Method> make(const storage::SeriesStore& store, const TrainRequest& request) {
  return make_learned_metric(store, request, nullptr);
}

}  // namespace

std::unique_ptr<Method> make_learned_metric(const storage::SeriesStore& store,
                                            const TrainRequest& request,
                                            std::shared_ptr<const Model> model) {
  return std::make_unique<LearnedMetricMethod>(store, request, std::move(model));
}

MethodInfo learned_metric_method() {
  return {.name = "learned-metric",
          .verb = "train-metric",
          .subject = "learned metric",
          .help =
              "the metric by which --key metric finds analogs; 3 minutes of steps unless said "
              "otherwise",
          .make = make};
}

}  // namespace skipcast::engine
