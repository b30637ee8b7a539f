#include "engine/tuning/variations.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "engine/forecast/ensemble_statistics.h"
#include "engine/forecast/start_table.h"
#include "samplers/schedule.h"
#include "samplers/solvers/solvers.h"

namespace skipcast::engine {
namespace {

constexpr double kInflationLeast = 0.5, kInflationMost = 2;

// Solvers of one evaluation a step, with the amounts of noise worth trying.
struct Tried {
  std::string_view solver;
  std::vector<double> amounts;  // none: a solver of the ODE
  int64_t steps_min;            // below, it is another solver of the list
};

const std::vector<Tried>& tried_solvers() {
  static const std::vector<Tried> kTried = {
      {"dpmpp_2m", {}, 1},        {"euler", {}, 3},           {"unipc_2", {}, 3},
      {"dpmpp_3m", {}, 4},        {"ddim", {0.3, 0.6, 1}, 2}, {"dpmpp_2m_sde", {0.3, 0.6, 1}, 2},
      {"sa_2", {0.3, 0.6, 1}, 3}, {"gms", {0.6, 1}, 2}};
  return kTried;
}

bool needs_moments(std::string_view solver) {
  const auto found = samplers::find_solver(solver);
  return found && found->needs_moments;
}

bool is_one_step(const Setting& options) {
  const auto found = samplers::find_solver(options.solver);
  return found && found->needs_one_step;
}

void turn_solver(const Setting& base, int64_t nfe, bool moments, std::vector<Setting>& out) {
  if (!base.depth.sigmas.empty() && base.steps != nfe) return;  // two evaluations a listed level
  const auto add = [&](std::string_view solver, int64_t steps, std::optional<double> amount) {
    Setting turned = base;
    turned.solver = solver;
    turned.steps = steps;
    turned.noise_amount = amount;
    turned.noise_scale.reset();
    if (is_one_step(base) || needs_moments(solver)) turned.retrieval_weight.reset();
    if (needs_moments(solver)) turned.exit_tolerance = 0;  // it cannot exit early
    out.push_back(std::move(turned));
  };
  for (const Tried& each : tried_solvers()) {
    if (nfe < each.steps_min || (needs_moments(each.solver) && !moments)) continue;
    if (each.amounts.empty()) add(each.solver, nfe, {});
    for (const double amount : each.amounts) add(each.solver, nfe, amount);
  }
  if (!base.depth.sigmas.empty()) return;  // as many levels as listed
  if (nfe >= 3) add("restart_2m", nfe - 1, 1);
  if (nfe >= 3 && nfe % 2 == 1) {  // two evaluations a step, one on the last
    add("heun", (nfe + 1) / 2, {});
    add("dpmpp_2s", (nfe + 1) / 2, {});
  }
}

// The one-step model in place of the chain, from this start at a few depths, or from noise.
void turn_one_step(const Setting& base, int64_t nfe, const TuneSpace& space,
                   std::vector<Setting>& out) {
  if (nfe > space.one_step_evaluations) return;
  std::vector<double> depths = {space.schedule.sigma_max};
  if (base.start.kind != StartKind::kCold) depths = {1.5, 3, 6, 12};
  for (const double sigma : depths) {
    for (const double weight : {0.0, 1.0}) {
      if (weight > 0 && !space.one_step_retrieval) continue;
      out.push_back({.start = base.start,
                     .depth = {.entry_sigma = sigma},
                     .steps = nfe,
                     .solver = "one-step",
                     .retrieval_weight = weight});
    }
  }
}

// The chain of an conditioned network.
void turn_retrieval(const Setting& base, const TuneSpace& space, std::vector<Setting>& out) {
  if (!space.conditioned || is_one_step(base) || needs_moments(base.solver)) return;
  out.push_back(base);
  out.back().retrieval_weight.reset();
  for (const double weight : {0.5, 1.0}) {
    out.push_back(base);
    out.back().retrieval_weight = weight;
  }
}

void turn_spacing(const Setting& base, std::vector<Setting>& out) {
  if (base.steps < 3 || !base.depth.sigmas.empty()) return;  // two levels are the range's ends
  for (const double rho : {3.0, 5.0, 12.0}) {
    out.push_back(base);
    out.back().spacing = samplers::Spacing::kKarras;
    out.back().rho = rho;
  }
  for (const auto spacing : {samplers::Spacing::kLog, samplers::Spacing::kCosine}) {
    out.push_back(base);
    out.back().spacing = spacing;
    out.back().rho.reset();
  }
}

void turn_pool(const Setting& base, int64_t members, std::vector<Setting>& out) {
  if (base.start.kind != StartKind::kAnalog) return;
  const auto add = [&](int64_t pool, std::optional<double> temperature) {
    out.push_back(base);
    out.back().start.pool = pool;
    out.back().start.temperature = temperature;
  };
  add(0, {});
  if (members >= 4) add(members / 2, {});
  for (const double temperature : {0.1, 0.3, 1.0}) add(3 * members, temperature);
}

void turn_added_noise(const Setting& base, std::vector<Setting>& out) {
  if (base.start.kind == StartKind::kCold) return;
  for (const double spread : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    out.push_back(base);
    out.back().start.added_noise = spread;
  }
  if (base.steps == 0) return;
  for (const double share : {0.0, 0.25, 0.5}) {
    out.push_back(base);
    out.back().start.cold_share = share;
  }
}

void turn_alignment(const Setting& base, std::vector<Setting>& out) {
  const Alignment alignment = base.start.alignment;
  const bool decays = alignment == Alignment::kOffset || alignment == Alignment::kHalf;
  if (!has_analogs(base.start.kind) || !decays) return;
  for (const double tau : {1.0, 3.0, 12.0}) {
    out.push_back(base);
    out.back().start.decay_tau = tau;
  }
}

// The factor that makes spread and error alike about one of so many knots: a mean in the logarithm
// over lead times, nearer ones counting more. `strength` of the way from the present factor.
double wanted_at(const std::vector<double>& ratios, const std::vector<double>& present,
                 int64_t knot, int64_t knots, double strength) {
  const auto leads = static_cast<int64_t>(ratios.size());
  double sum = 0, weights = 0;
  for (int64_t lead = 0; lead < leads; ++lead) {
    const auto at = static_cast<size_t>(lead);
    if (!(ratios[at] > 0)) continue;  // nothing was observed, or no spread at all
    const double place = leads < 2 ? 0 : double(lead) * double(knots - 1) / double(leads - 1);
    const double weight = std::max(0.0, 1 - std::abs(place - double(knot)));
    sum += weight * (std::log(present[at]) - strength * std::log(ratios[at]));
    weights += weight;
  }
  return weights > 0 ? std::clamp(std::exp(sum / weights), kInflationLeast, kInflationMost) : 1;
}

}  // namespace

std::vector<Setting> variations(const Setting& base, int64_t nfe, const TuneSpace& space) {
  std::vector<Setting> out;
  if (nfe > 0) {
    turn_solver(base, nfe, space.moments, out);
    turn_one_step(base, nfe, space, out);
    turn_retrieval(base, space, out);
  }
  turn_added_noise(base, out);
  turn_pool(base, space.members, out);
  turn_spacing(base, out);
  turn_alignment(base, out);
  return out;
}

std::vector<Setting> anytime(const Setting& base) {
  std::vector<Setting> out;
  // Nothing to compare, a listed chain, or a solver that cannot.
  if (base.steps < 2 || !base.depth.sigmas.empty() || needs_moments(base.solver) ||
      is_one_step(base)) {
    return out;
  }
  for (const int64_t more : {1, 2}) {
    for (const double tolerance : {0.03, 0.1, 0.3}) {
      out.push_back(base);
      out.back().steps += more;
      out.back().exit_tolerance = tolerance;
    }
  }
  return out;
}

std::vector<Setting> calibrated(const Trial& trial) {
  std::vector<double> ratios = trial.lead_spread_skill;
  if (ratios.empty()) ratios = {trial.spread_skill};
  std::vector<Setting> out;
  const auto positive = [](double ratio) { return ratio > 0; };
  if (std::none_of(ratios.begin(), ratios.end(), positive)) return out;
  const auto leads = static_cast<int64_t>(ratios.size());
  const std::vector<double> present = by_lead_time(trial.options.inflation, leads);
  for (const int64_t knots : {1, 2, 4}) {
    if (knots > leads) continue;
    for (const double strength : {0.6, 1.0}) {
      out.push_back(trial.options);
      out.back().inflation.clear();
      for (int64_t knot = 0; knot < knots; ++knot) {
        const double wanted = wanted_at(ratios, present, knot, knots, strength);
        out.back().inflation.push_back(std::round(wanted * 100) / 100);
      }
    }
  }
  return out;
}

std::vector<double> levels_of(const Setting& options, const samplers::ScheduleOptions& schedule) {
  samplers::ScheduleOptions spaced = schedule;
  spaced.spacing = options.spacing;
  spaced.rho = options.rho.value_or(schedule.rho);
  const auto entry = samplers::enter(options.steps, options.depth, spaced, nullptr);
  if (!entry || entry->sigmas.empty()) return {};
  return {entry->sigmas.begin(), entry->sigmas.end() - 1};
}

Setting with_levels(const Setting& base, std::vector<double> levels) {
  Setting options = base;
  options.steps = static_cast<int64_t>(levels.size());
  options.depth = {.sigmas = std::move(levels)};
  options.spacing = samplers::Spacing::kKarras;
  options.rho.reset();
  return options;
}

std::vector<Setting> moved_levels(const Setting& base, const samplers::ScheduleOptions& schedule,
                                  double factor) {
  const std::vector<double> levels = levels_of(base, schedule);
  std::vector<Setting> out;
  for (size_t i = 0; i < levels.size(); ++i) {
    for (const double by : {factor, 1 / factor}) {
      std::vector<double> moved = levels;
      moved[i] *= by;
      const bool below = i == 0 || moved[i] < moved[i - 1];
      const bool above = i + 1 == levels.size() || moved[i] > moved[i + 1];
      const bool inside = moved[i] >= schedule.sigma_min && moved[i] <= schedule.sigma_max;
      if (!below || !above || !inside) continue;
      out.push_back(with_levels(base, std::move(moved)));
    }
  }
  return out;
}

}  // namespace skipcast::engine
