// One query for the report: its forecast, its analogs, and the chain as it ran.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>

#include "engine/forecast/policy_forecast.h"
#include "engine/report/report_parts.h"

namespace skipcast::engine {
namespace {

constexpr double kUntunedSigma = 5;
constexpr int64_t kChainSteps = 4;

Result<ForecastOptions> shown_options(Forecaster& forecaster, const std::vector<Policy>& policies,
                                      int64_t origin, const ForecastOptions& base) {
  if (policies.empty()) return base;
  return choose_for(forecaster, policies.front(), origin, base);
}

// A setting that runs a mid-chain: the forecast's own, the last policy's that does, or the untuned.
ForecastOptions chain_options(const std::vector<Policy>& policies, const ForecastOptions& shown,
                              const ForecastOptions& untuned) {
  const auto runs = [](const Setting& setting) {
    return setting.steps > 0 && setting.start.kind != StartKind::kCold;
  };
  if (runs(shown)) return shown;
  for (auto policy = policies.rbegin(); policy != policies.rend(); ++policy) {
    for (const PolicyBin& bin : policy->bins) {
      if (runs(bin.options)) return {bin.options, untuned};
    }
  }
  return untuned;
}

ForecastOptions cold_options(const ForecastOptions& chain) {
  ForecastOptions options = chain;
  options.start = {.kind = StartKind::kCold};
  options.depth = {};
  return options;
}

// Runs the chain with every evaluation kept, in physical units.
Result<ChainFacts> run_chain(Forecaster& forecaster, TracedModel& model, int64_t origin,
                             const ForecastOptions& options) {
  const at::NoGradGuard no_grad;
  ChainFacts chain{.options = options};
  SKIPCAST_TRY_OK(forecaster.prepare(options));
  model.record(options.members);
  Result<Forecast> forecast = forecaster.forecast(origin, options);
  chain.steps = model.stop();
  if (!forecast.ok()) return forecast.status();
  chain.forecast = std::move(forecast).value();
  const Dataset& dataset = forecaster.dataset();
  const at::Tensor last = dataset.contexts({&origin, 1}).last[0].cpu();
  const auto physical = [&](const at::Tensor& target) {
    return dataset.denormalise(model.from_target(target, last), origin);
  };
  for (Evaluated& step : chain.steps) {
    step.x = physical(step.x);
    step.estimate = physical(step.estimate);
  }
  if (options.start.kind == StartKind::kCold) return chain;
  ForecastOptions start_only = options;
  start_only.steps = 0;
  start_only.depth = {};
  SKIPCAST_TRY(const Forecast start, forecaster.forecast(origin, start_only));
  chain.start = start.members;
  return chain;
}

bool same_setting(const ForecastOptions& a, const ForecastOptions& b) {
  return a.steps == b.steps && a.start.kind == b.start.kind &&
         a.depth.entry_sigma == b.depth.entry_sigma;
}

Result<int64_t> origin_of(const Forecaster& forecaster, const ReportRequest& request,
                          const ReportData& data) {
  if (request.at_s) return forecaster.origin_at(*request.at_s);
  if (data.scores.systems.empty()) return forecaster.store().size() - 1;
  return forecaster.origin_at(median_window_s(data.scores));
}

std::string why(const ReportRequest& request, const ReportData& data) {
  if (request.at_s) return "the init time asked for";
  if (data.scores.systems.empty()) return "the archive's last state";
  return fmt::format("the window with the median CRPS of the {} scored", data.scores.windows);
}

}  // namespace

ForecastOptions untuned_options(const Forecaster& forecaster, const ReportRequest& request) {
  const Task& task = forecaster.model().task();
  const samplers::ScheduleOptions& schedule = task.schedule;
  ForecastOptions options{{.steps = kChainSteps},
                          {.members = request.members, .seed = request.seed}};
  // Analogs an hour apart are one situation told twice: as far apart as the tuner keeps them.
  options.start.separation = std::max<int64_t>(1, task.spec.future_states / 4);
  options.depth.entry_sigma = std::clamp(kUntunedSigma, schedule.sigma_min, schedule.sigma_max);
  return options;
}

Result<Forecast> forecast_shown(Forecaster& forecaster, const std::vector<Policy>& policies,
                                int64_t origin, const ForecastOptions& base) {
  if (policies.empty()) return forecaster.forecast(origin, base);
  return forecast_by(forecaster, policies.front(), origin, base);
}

Result<QueryFacts> query_report(Forecaster& forecaster, TracedModel& model,
                                const ReportRequest& request, const ReportData& data) {
  SKIPCAST_TRY(const int64_t origin, origin_of(forecaster, request, data));
  const ForecastOptions untuned = untuned_options(forecaster, request);
  QueryFacts query{.why = why(request, data)};
  SKIPCAST_TRY(query.options, shown_options(forecaster, data.policies, origin, untuned));
  SKIPCAST_TRY_OK(forecaster.prepare(query.options));
  SKIPCAST_TRY(query.forecast, forecast_shown(forecaster, data.policies, origin, untuned));
  const bool analogs = query.options.start.kind == StartKind::kAnalog;
  query.analog_options = analogs ? query.options : untuned;
  SKIPCAST_TRY_OK(forecaster.prepare(query.analog_options));
  SKIPCAST_TRY(query.analogs, forecaster.analog_ensemble(origin, query.analog_options));
  const ForecastOptions chain = chain_options(data.policies, query.options, untuned);
  query.same_chain = same_setting(chain, query.options);
  SKIPCAST_TRY(query.chain, run_chain(forecaster, model, origin, chain));
  SKIPCAST_TRY(query.cold, run_chain(forecaster, model, origin, cold_options(chain)));
  return query;
}

}  // namespace skipcast::engine
