#include "engine/tuning/plans.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "engine/keys/metric_file.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kGridSigmas = 9;
constexpr size_t kAnalogSettings = 3;  // (key, alignment) pairs carried to other NFE
constexpr double kColdSigmaMin = 2;    // below, noise about zero is no sample of the future
constexpr double kLikelySigma = 3;     // where good entries were found on traffic and air
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Move {
  Alignment alignment;
  double tau;
};
constexpr Move kMoves[] = {{Alignment::kOffset, kInfinity}, {Alignment::kResidual, kInfinity},
                           {Alignment::kOffset, 6},         {Alignment::kHalf, kInfinity},
                           {Alignment::kOffset, 2},         {Alignment::kNone, kInfinity}};

struct Key {
  KeyKind kind;
  double mix = StartOptions().key_mix;
};
constexpr double kMixTried = 0.1;  // a little of the context, much of the forecast

double grid_step(const samplers::ScheduleOptions& schedule) {
  return std::log(schedule.sigma_max / schedule.sigma_min) / static_cast<double>(kGridSigmas - 1);
}

// The grid with the likeliest sigmas first.
std::vector<double> likely_first(const samplers::ScheduleOptions& schedule) {
  std::vector<double> sigmas = sigma_grid(schedule, kGridSigmas);
  std::stable_sort(sigmas.begin(), sigmas.end(), [](double a, double b) {
    return std::abs(std::log(a / kLikelySigma)) < std::abs(std::log(b / kLikelySigma));
  });
  return sigmas;
}

std::vector<StartOptions> analog_starts(const TuneSpace& space) {
  std::vector<Key> keys = {{KeyKind::kContext}, {KeyKind::kForecast}, {KeyKind::kMixed, kMixTried}};
  if (space.metric) keys.push_back({KeyKind::kMetric});
  std::vector<StartOptions> starts;
  for (const Move& move : kMoves) {
    for (const Key& key : keys) {
      starts.push_back({.kind = StartKind::kAnalog,
                        .key = key.kind,
                        .key_mix = key.mix,
                        .alignment = move.alignment,
                        .decay_tau = move.tau,
                        .separation = space.separation});
    }
  }
  return starts;
}

// The network's own mean forecast, and blind controls.
std::vector<StartOptions> other_starts() {
  return {{.kind = StartKind::kPersist},
          {.kind = StartKind::kMean},
          {.kind = StartKind::kRandom, .alignment = Alignment::kOffset},
          {.kind = StartKind::kRandom, .alignment = Alignment::kResidual}};
}

Setting chain(const StartOptions& start, double sigma, int64_t nfe) {
  Setting options = {.start = start, .steps = nfe};
  if (nfe > 0) options.depth.entry_sigma = sigma;
  return options;
}

Setting cold(int64_t nfe) {
  return {.start = {.kind = StartKind::kCold}, .steps = std::max<int64_t>(nfe, 1)};
}

// The same but for sigma and steps.
bool same_start(const StartOptions& a, const StartOptions& b) {
  return a.kind == b.kind && a.key == b.key && a.key_mix == b.key_mix &&
         a.alignment == b.alignment && a.decay_tau == b.decay_tau && a.separation == b.separation;
}

// Trials in order of score, the best of each start only, cold ones left out.
std::vector<const Trial*> best_of_each_start(std::span<const Trial> trials) {
  std::vector<const Trial*> sorted, best;
  for (const Trial& trial : trials) {
    if (trial.options.start.kind != StartKind::kCold) sorted.push_back(&trial);
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Trial* a, const Trial* b) { return a->score < b->score; });
  for (const Trial* trial : sorted) {
    const bool seen = std::any_of(best.begin(), best.end(), [&](const Trial* other) {
      return same_start(other->options.start, trial->options.start);
    });
    if (!seen) best.push_back(trial);
  }
  return best;
}

// At most `analogs` analog settings, and the best of at most `others` kinds of other_starts().
std::vector<const Trial*> chosen(std::span<const Trial> trials, size_t analogs, size_t others) {
  std::vector<const Trial*> kept;
  std::vector<StartKind> kinds;
  size_t analogs_kept = 0;
  for (const Trial* trial : best_of_each_start(trials)) {
    const StartKind kind = trial->options.start.kind;
    if (kind == StartKind::kAnalog && analogs_kept < analogs) {
      kept.push_back(trial);
      ++analogs_kept;
    }
    const bool fresh = std::find(kinds.begin(), kinds.end(), kind) == kinds.end();
    if (kind != StartKind::kAnalog && fresh && kinds.size() < others) {
      kept.push_back(trial);
      kinds.push_back(kind);
    }
  }
  return kept;
}

// An analog start with other neighbours: another mix, and analogs that may lie side by side.
std::vector<StartOptions> near_starts(const StartOptions& start) {
  std::vector<StartOptions> starts;
  if (start.kind != StartKind::kAnalog) return starts;
  for (const double factor : {0.5, 2.0}) {
    if (start.key != KeyKind::kMixed) continue;
    starts.push_back(start);
    starts.back().key_mix *= factor;
  }
  if (start.separation > 1) {
    starts.push_back(start);
    starts.back().separation = 1;
  }
  return starts;
}

double sigma_of(const std::vector<const Trial*>& trials) {
  return trials.empty() ? kLikelySigma
                        : trials.front()->options.depth.entry_sigma.value_or(kLikelySigma);
}

}  // namespace

TuneSpace space_of(const Forecaster& forecaster, int64_t members) {
  const Model& model = forecaster.model();
  const Task& task = model.task();
  TuneSpace space = {.schedule = task.schedule,
                     // Analogs closer than this share most of their futures: one says it all.
                     .separation = std::max<int64_t>(1, task.spec.future_states / 4),
                     .members = members,
                     .moments = model.can(kMomentHeads),
                     .conditioned = model.copy(kConditionedCopy).ok(),
                     .metric = !usable_metric(forecaster.store(), model).empty()};
  const auto one_step = model.copy(kOneStepCopy);
  if (!one_step.ok()) return space;
  space.one_step_evaluations = (*one_step)->info.evaluations;
  space.one_step_retrieval = (*one_step)->info.retrieval;
  return space;
}

std::vector<double> sigma_grid(const samplers::ScheduleOptions& schedule, int64_t count) {
  SKIPCAST_CHECK(count >= 2);
  std::vector<double> sigmas;
  const double ratio = schedule.sigma_max / schedule.sigma_min;
  for (int64_t i = 0; i < count; ++i) {
    sigmas.push_back(schedule.sigma_min *
                     std::pow(ratio, static_cast<double>(i) / static_cast<double>(count - 1)));
  }
  sigmas.back() = schedule.sigma_max;
  return sigmas;
}

std::vector<int64_t> nfe_order(int64_t nfe_max) {
  std::vector<int64_t> order;
  for (const int64_t nfe : {3, 4, 2, 0, 1, 6, 5, 8, 10, 7, 9}) {
    if (nfe <= nfe_max) order.push_back(nfe);
  }
  for (int64_t nfe = 11; nfe <= nfe_max; ++nfe) order.push_back(nfe);
  return order;
}

std::vector<Setting> cold_plan(const TuneSpace& space, int64_t nfe_max) {
  std::vector<Setting> plan;
  for (int64_t nfe = 1; nfe <= nfe_max; ++nfe) plan.push_back(cold(nfe));
  for (const double sigma : sigma_grid(space.schedule, kGridSigmas)) {
    if (sigma < kColdSigmaMin || sigma >= space.schedule.sigma_max) continue;
    for (int64_t nfe = 1; nfe <= nfe_max; ++nfe) {
      plan.push_back(chain({.kind = StartKind::kCold}, sigma, nfe));
    }
  }
  return plan;
}

std::vector<Setting> one_step_plan(const TuneSpace& space) {
  std::vector<Setting> plan;
  const auto add = [&](const StartOptions& start, double sigma, int64_t nfe) {
    for (const double weight : {0.0, 1.0}) {
      if (weight > 0 && !space.one_step_retrieval) continue;
      plan.push_back(chain(start, sigma, nfe));
      plan.back().solver = "one-step";
      plan.back().retrieval_weight = weight;
    }
  };
  for (int64_t nfe = 1; nfe <= space.one_step_evaluations; ++nfe) {
    add({.kind = StartKind::kCold}, space.schedule.sigma_max, nfe);
    for (const StartOptions& start : analog_starts(space)) {
      const bool usual = start.alignment == Alignment::kOffset && std::isinf(start.decay_tau);
      if (!usual && start.alignment != Alignment::kResidual) continue;
      for (const double sigma : {1.5, 6.0}) add(start, sigma, nfe);
    }
  }
  return plan;
}

std::vector<Setting> no_chain_plan(const TuneSpace& space) {
  std::vector<Setting> plan;
  for (const StartOptions& start : analog_starts(space)) plan.push_back(chain(start, 0, 0));
  for (const StartOptions& start : other_starts()) plan.push_back(chain(start, 0, 0));
  return plan;
}

std::vector<Setting> wide_plan(const TuneSpace& space, int64_t nfe) {
  std::vector<Setting> plan;
  for (const double sigma : likely_first(space.schedule)) {
    for (const StartOptions& start : analog_starts(space)) plan.push_back(chain(start, sigma, nfe));
    for (const StartOptions& start : other_starts()) plan.push_back(chain(start, sigma, nfe));
  }
  return plan;
}

std::vector<Setting> transfer_plan(const TuneSpace& space, std::span<const Trial> trials,
                                   int64_t nfe) {
  std::vector<Setting> plan;
  const double reach = 2.01 * grid_step(space.schedule);
  for (const Trial* trial : chosen(trials, kAnalogSettings, 3)) {
    const double best = trial->options.depth.entry_sigma.value_or(space.schedule.sigma_max);
    for (const double sigma : likely_first(space.schedule)) {
      if (std::abs(std::log(sigma / best)) > reach) continue;
      plan.push_back(chain(trial->options.start, sigma, nfe));
    }
  }
  return plan;
}

std::vector<Setting> near_free_plan(std::span<const Trial> free) {
  std::vector<Setting> plan;
  for (const Trial* trial : chosen(free, 1, 0)) {
    for (const StartOptions& near : near_starts(trial->options.start)) {
      plan.push_back(chain(near, 0, 0));
    }
  }
  return plan;
}

std::vector<Setting> first_plan(const RefineBasis& basis, int64_t nfe) {
  std::vector<Setting> plan = {cold(nfe)};
  const auto best = chosen(basis.coarse, 1, 0);
  const double sigma = sigma_of(best);
  for (const auto& trials : {best, chosen(basis.free, 1, 0)}) {
    for (const Trial* trial : trials) plan.push_back(chain(trial->options.start, sigma, nfe));
  }
  return plan;
}

std::vector<Setting> refine_plan(const TuneSpace& space, const RefineBasis& basis, int64_t nfe) {
  std::vector<Setting> plan;
  for (const Trial* trial : chosen(basis.coarse, 2, 1)) {
    plan.push_back(chain(trial->options.start, sigma_of({trial}), nfe));
  }
  const std::vector<Setting> first = first_plan(basis, nfe);
  for (const double step : {0.5, -0.5}) {
    for (size_t i = 1; i < first.size(); ++i) {
      const double near = *first[i].depth.entry_sigma * std::exp(step * grid_step(space.schedule));
      if (near < space.schedule.sigma_min || near > space.schedule.sigma_max) continue;
      plan.push_back(chain(first[i].start, near, nfe));
    }
  }
  if (first.size() < 2) return plan;
  for (const StartOptions& near : near_starts(first[1].start)) {
    plan.push_back(chain(near, *first[1].depth.entry_sigma, nfe));
  }
  return plan;
}

}  // namespace skipcast::engine
