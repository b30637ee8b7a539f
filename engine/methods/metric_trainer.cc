#include "engine/methods/metric_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "engine/keys/analog_keys.h"
#include "engine/keys/metric_key.h"
#include "engine/keys/metric_fit.h"
#include "engine/training/training_job.h"
#include "engine/training/validation.h"

namespace skipcast::engine {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kMinutes = 3;
constexpr int64_t kSteps = 200;          // of one fit
constexpr int64_t kFits = 3;             // each half, and both
constexpr int64_t kAnchorsHalf = 1000;   // of each half of the validation part
constexpr int64_t kHeldOut = 200;        // windows that keys are compared on
constexpr int64_t kScaleWindows = 1024;  // of the training part
constexpr double kLeastShare = 1e-4;     // of the squared distance: less is left out
constexpr double kAnchorsUntil = 0.6, kFitsUntil = 0.75;  // of the progress

class MetricRun {
 public:
  MetricRun(const storage::SeriesStore& store, std::shared_ptr<const Model> model,
            const MetricRequest& request)
      : store_(store), model_(std::move(model)), request_(request) {}

  Status build();
  Result<MetricReport> run();

 private:
  struct Half {
    std::vector<int64_t> origins;
    Anchors anchors;
  };

  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  Progress part(double from, double to) const;
  Status make_half(std::span<const int64_t> origins, double from, double to, Half& half);
  Result<std::vector<double>> fit(const Anchors& anchors, int64_t number);
  LearnedMetric metric_of(const std::vector<double>& weights) const;
  Result<std::unique_ptr<retrieval::AnalogIndex>> index_of(const LearnedMetric& metric) const;
  Status judge(const std::vector<double>& first_fit, MetricReport& report);
  void list_shares(const std::vector<double>& weights, MetricReport& report) const;

  const storage::SeriesStore& store_;
  std::shared_ptr<const Model> model_;
  const MetricRequest& request_;
  std::unique_ptr<Dataset> dataset_;
  std::unique_ptr<AnalogKeys> keys_;
  std::shared_ptr<const MetricFeatures> features_;
  std::vector<double> scales_;
  const retrieval::AnalogIndex* context_ = nullptr;
  const retrieval::AnalogIndex* forecast_ = nullptr;
  retrieval::Guard guard_;
  Half first_, second_;
  int64_t steps_ = 0;
  Clock::time_point start_ = Clock::now();
};

// A part of the whole run's progress.
Progress MetricRun::part(double from, double to) const {
  return [this, from, to](const ProgressStep& step) {
    return tell(request_.progress,
                {from + (to - from) * step.fraction, "metric", step.what + ": " + step.detail});
  };
}

Status MetricRun::make_half(std::span<const int64_t> origins, double from, double to, Half& half) {
  half.origins.assign(origins.begin(), origins.end());
  const AnchorSource source = {*dataset_, *features_, scales_, {context_, forecast_}, guard_};
  SKIPCAST_TRY(half.anchors,
               make_anchors(source, evenly_spaced(origins, kAnchorsHalf), part(from, to)));
  return {};
}

Status MetricRun::build() {
  SKIPCAST_TRY(dataset_, Dataset::load(store_, model_->task(), model_->normalizer()));
  keys_ = std::make_unique<AnalogKeys>(model_, *dataset_, request_.progress, request_.memory_bytes);
  SKIPCAST_TRY(const std::shared_ptr<MeanTable> means, keys_->means());
  SKIPCAST_TRY(context_, keys_->index({.key = KeyKind::kContext}));
  SKIPCAST_TRY(forecast_, keys_->index({.key = KeyKind::kForecast}));
  features_ = std::make_shared<MetricFeatures>(*dataset_, means);
  scales_ = group_scales(*features_, evenly_spaced(fit_origins(*model_, *dataset_), kScaleWindows));
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
  return make_half(origins.subspan(half), kAnchorsUntil / 2, kAnchorsUntil, second_);
}

// The weights after the steps or the share of the time that the request allows.
Result<std::vector<double>> MetricRun::fit(const Anchors& anchors, int64_t number) {
  const bool only_steps = request_.steps_max > 0 && request_.minutes == 0;
  const double seconds_max = 60 * (request_.minutes > 0 ? request_.minutes : kMinutes) / kFits;
  const int64_t steps_max = request_.steps_max > 0 ? request_.steps_max : kSteps;
  const double began = seconds();
  const double share = (kFitsUntil - kAnchorsUntil) / double(kFits);
  const Progress progress =
      part(kAnchorsUntil + share * double(number), kAnchorsUntil + share * double(number + 1));
  bool stopped = false;
  const MetricFit fit =
      fit_metric(*features_, anchors, model_->task().training.seed, [&](int64_t step) {
        stopped = stopped || !tell(progress, {double(step) / double(steps_max), "fit",
                                              fmt::format("step {}", step)});
        const bool in_time = only_steps || seconds() - began < seconds_max;
        return !stopped && step < steps_max && in_time;
      });
  if (stopped) return Status(Code::kInterrupted, "stopped");
  steps_ = fit.steps;
  return fit.weights;
}

LearnedMetric MetricRun::metric_of(const std::vector<double>& weights) const {
  LearnedMetric metric;
  for (size_t g = 0; g < weights.size(); ++g) {
    const bool counts = weights[g] >= kLeastShare;
    metric.factors.push_back(counts ? static_cast<float>(weights[g] * scales_[g]) : 0.0f);
  }
  return metric;
}

Result<std::unique_ptr<retrieval::AnalogIndex>> MetricRun::index_of(
    const LearnedMetric& metric) const {
  SKIPCAST_TRY(std::unique_ptr<retrieval::Encoder> encoder,
               projected(make_metric_encoder(features_, metric), fit_origins(*model_, *dataset_)));
  return retrieval::AnalogIndex::open(
      store_, std::move(encoder),
      {.spec = model_->task().spec, .memory_bytes = request_.memory_bytes},
      part(kFitsUntil, kFitsUntil + 0.1));
}

Status MetricRun::judge(const std::vector<double>& first_fit, MetricReport& report) {
  const double began = seconds();
  SKIPCAST_TRY(const auto learned, index_of(metric_of(first_fit)));
  report.windows_per_second = double(learned->rows()) / std::max(1e-9, seconds() - began);
  const std::vector<int64_t> origins = evenly_spaced(second_.origins, kHeldOut);
  report.held_out = static_cast<int64_t>(origins.size());
  const auto worth = [&](const retrieval::AnalogIndex& index, double from) {
    return key_worth(*dataset_, index, guard_, origins, part(from, from + 0.05));
  };
  SKIPCAST_TRY(report.context, worth(*context_, 0.85));
  SKIPCAST_TRY(report.forecast, worth(*forecast_, 0.9));
  SKIPCAST_TRY(report.learned, worth(*learned, 0.95));
  return {};
}

void MetricRun::list_shares(const std::vector<double>& weights, MetricReport& report) const {
  std::vector<MetricReport::Share>& shares = report.shares;
  for (size_t g = 0; g < weights.size(); ++g) {
    const std::string& family = features_->groups()[g].family;
    if (shares.empty() || shares.back().group != family) shares.push_back({family, 0});
    shares.back().share += weights[g];
  }
  std::stable_sort(shares.begin(), shares.end(),
                   [](const auto& a, const auto& b) { return a.share > b.share; });
}

Result<MetricReport> MetricRun::run() {
  SKIPCAST_TRY(const std::vector<double> first, fit(first_.anchors, 0));
  SKIPCAST_TRY(const std::vector<double> second, fit(second_.anchors, 1));
  const Anchors both = joined(first_.anchors, second_.anchors);
  const std::vector<double> start = start_weights(*features_);
  const double crossed = pool_score(second_.anchors, first) + pool_score(first_.anchors, second);
  const double before = pool_score(second_.anchors, start) + pool_score(first_.anchors, start);
  MetricReport report = {.anchors = both.count(), .gained = crossed < before};
  std::vector<double> weights = start;
  if (report.gained) {
    SKIPCAST_TRY(weights, fit(both, 2));
  }
  SKIPCAST_TRY_OK(judge(report.gained ? first : start, report));
  report.steps = steps_;
  list_shares(weights, report);
  LearnedMetric metric = metric_of(weights);
  metric.note = {{"steps", std::to_string(steps_)},
                 {"validation_crps_context", fmt::format("{:.6g}", report.context.crps)},
                 {"validation_crps_forecast", fmt::format("{:.6g}", report.forecast.crps)},
                 {"validation_crps_learned", fmt::format("{:.6g}", report.learned.crps)}};
  report.metric_path = metric_path(store_, model_->task().name);
  SKIPCAST_TRY_OK(save_metric(store_, *model_, *features_, metric));
  report.seconds = seconds();
  return report;
}

}  // namespace

Result<MetricReport> train_metric(const storage::SeriesStore& store,
                                  std::shared_ptr<const Model> model,
                                  const MetricRequest& request) {
  const std::string task = model->task().name;
  return training_job(task, request.threads, "", [&]() -> Result<MetricReport> {
    MetricRun run(store, std::move(model), request);
    SKIPCAST_TRY_OK(run.build());
    return run.run();
  });
}

Result<MetricReport> train_metric(const storage::SeriesStore& store, const MetricRequest& request) {
  SKIPCAST_TRY(std::shared_ptr<const Model> model, Model::load(store, request.task));
  return train_metric(store, std::move(model), request);
}

}  // namespace skipcast::engine
