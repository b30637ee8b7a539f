#include "engine/tuning/level_fit.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "engine/tuning/plans.h"
#include "engine/tuning/variations.h"
#include "retrieval/encoders/evenly_spread.h"
#include "samplers/noise.h"
#include "samplers/schedule.h"
#include "samplers/solvers/solvers.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kFitWindows = 24, kFitMembers = 8, kTeacherSteps = 24;
constexpr int64_t kCurvePoints = 12;
constexpr int64_t kCurveMembers = 2;  // noisy states a window and level

// One draw of noise for every member of a query, as a forecast of the same seed enters with.
at::Tensor entry_noise(const Forecaster& forecaster, int64_t origin, uint64_t seed,
                       const std::vector<int64_t>& shape) {
  std::vector<int64_t> members(static_cast<size_t>(shape[0]));
  std::iota(members.begin(), members.end(), 0);
  const int64_t time_s = forecaster.store().schema().axis.time_at(origin);
  return samplers::gaussian(seed, time_s, members, 0,
                            {at::IntArrayRef(shape).slice(1), forecaster.dataset().device()});
}

// Below the entry four digits: what differs further down comes from the order of sums.
std::vector<double> rounded(std::vector<double> levels) {
  for (size_t i = 1; i < levels.size(); ++i) {
    levels[i] = std::strtod(fmt::format("{:.4g}", levels[i]).c_str(), nullptr);
  }
  return levels;
}

// The start's clean states where the chain runs, [members, state_shape()...].
Result<at::Tensor> clean_of(Forecaster& forecaster, int64_t origin, const ForecastOptions& base) {
  const Model& model = forecaster.model();
  const ContextBatch context = forecaster.dataset().contexts({&origin, 1});
  if (base.start.kind == StartKind::kCold) {
    std::vector<int64_t> shape = model.state_shape();
    shape.insert(shape.begin(), base.members);
    return at::zeros(shape, context.last.options());
  }
  ForecastOptions start = base;
  start.steps = 0;
  start.depth = {};
  start.start.added_noise = 0;
  start.start.cold_share = 0;
  start.keep_on_device = true;
  SKIPCAST_TRY(const Forecast forecast, forecaster.forecast(origin, start));
  return model.to_target(forecast.normalised, context.last);
}

Result<samplers::TeacherPair> pair_at(Forecaster& forecaster, int64_t origin,
                                      const ForecastOptions& base, double sigma) {
  const Model& model = forecaster.model();
  const ContextBatch context = forecaster.dataset().contexts({&origin, 1});
  samplers::TeacherPair pair = {.denoise = model.differentiable(context)};
  SKIPCAST_TRY(const at::Tensor clean, clean_of(forecaster, origin, base));
  pair.entry = clean + entry_noise(forecaster, origin, base.seed, clean.sizes().vec()) * sigma;
  samplers::ScheduleOptions fine = model.task().schedule;
  fine.sigma_max = sigma;
  pair.end = samplers::dpmpp_2m(model.condition(context), pair.entry,
                                samplers::levels(kTeacherSteps, fine));
  return pair;
}

bool can_learn(const Model& model, const Setting& base) {
  const StartKind kind = base.start.kind;
  return model.can(kGradients) && kind != StartKind::kRedi && kind != StartKind::kPrevious;
}

}  // namespace

Result<samplers::ErrorCurve> error_curve(const Forecaster& forecaster,
                                         std::span<const int64_t> origins, uint64_t seed) {
  const at::NoGradGuard no_grad;
  const Model& model = forecaster.model();
  const std::vector<double> sigmas = sigma_grid(model.task().schedule, kCurvePoints);
  std::vector<double> squares(sigmas.size(), 0);
  double weight = 0;
  for (const int64_t origin : origins) {
    const ContextBatch context = forecaster.dataset().contexts({&origin, 1});
    const FutureBatch future = forecaster.dataset().futures({&origin, 1});
    const samplers::Denoiser denoise = model.condition(context);
    const at::Tensor y = model.to_target(future.values, context.last), mask = future.mask;
    std::vector<int64_t> shape = y.sizes().vec();
    shape[0] = kCurveMembers;
    const at::Tensor eps = entry_noise(forecaster, origin, seed, shape);
    weight += mask.sum().item<double>() * kCurveMembers;
    for (size_t i = 0; i < sigmas.size(); ++i) {
      const at::Tensor apart = denoise(y + eps * sigmas[i], sigmas[i]) - y;
      squares[i] += (apart.square() * mask).sum().item<double>();
    }
  }
  if (!(weight > 0)) return usage("no observed value to measure the denoiser's error on");
  std::vector<double> errors;
  for (const double square : squares) errors.push_back(std::sqrt(square / weight) + 1e-9);
  return samplers::ErrorCurve([sigmas, errors](double sigma) {
    const auto above = std::upper_bound(sigmas.begin(), sigmas.end(), sigma);
    if (above == sigmas.begin()) return errors.front();
    if (above == sigmas.end()) return errors.back();
    const auto i = static_cast<size_t>(above - sigmas.begin());
    const double part = std::log(sigma / sigmas[i - 1]) / std::log(sigmas[i] / sigmas[i - 1]);
    return errors[i - 1] + part * (errors[i] - errors[i - 1]);
  });
}

Setting plain_chain(const Setting& base) {
  Setting plain = base;
  plain.solver = Setting().solver;
  plain.noise_amount.reset();
  plain.noise_scale.reset();
  plain.exit_tolerance = 0;
  return plain;
}

std::vector<Setting> with_lists(const Setting& base, const std::vector<Setting>& lists) {
  std::vector<Setting> out = lists;
  for (const Setting& list : lists) {
    if (list.solver == base.solver) continue;
    out.push_back(list);
    out.back().solver = base.solver;
    out.back().noise_amount = base.noise_amount;
    out.back().noise_scale = base.noise_scale;
  }
  return out;
}

LevelFitter::LevelFitter(Forecaster& forecaster, const FitOptions& options)
    : forecaster_(forecaster), options_(options) {
  options_.origins = retrieval::evenly_spread(options.origins, kFitWindows);
  options_.members = std::min(options.members, kFitMembers);
}

Result<std::vector<Setting>> LevelFitter::lists(const Setting& base) {
  const samplers::ScheduleOptions& schedule = forecaster_.model().task().schedule;
  const std::vector<double> levels = levels_of(base, schedule);
  SKIPCAST_CHECK(levels.size() >= 2);
  const std::vector<int64_t>& origins = options_.origins;
  if (!error_) {
    SKIPCAST_TRY(error_, error_curve(forecaster_, origins, options_.seed));
  }
  std::vector<Setting> out = {with_levels(
      base, rounded(samplers::analytic_levels(static_cast<int64_t>(levels.size()), levels.front(),
                                              schedule.sigma_min, error_)))};
  if (!can_learn(forecaster_.model(), base)) return out;
  const ForecastOptions entering = {base,
                                    {.members = options_.members,
                                     .seed = options_.seed,
                                     .archive = options_.archive,
                                     .tuning_band = true}};
  std::vector<samplers::TeacherPair> pairs;
  for (const int64_t origin : origins) {
    SKIPCAST_TRY(samplers::TeacherPair pair,
                 pair_at(forecaster_, origin, entering, levels.front()));
    pairs.push_back(std::move(pair));
  }
  out.push_back(
      with_levels(base, rounded(samplers::learned_levels(levels, schedule.sigma_min, pairs))));
  return out;
}

}  // namespace skipcast::engine
