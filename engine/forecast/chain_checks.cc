// What may be asked of a chain: every check of the settings, and the chain that they make.
#include <fmt/format.h>

#include <cmath>

#include "engine/forecast/denoiser_stack.h"
#include "engine/forecast/reverse_chain.h"
#include "engine/forecast/start_table.h"
#include "engine/settings/presets.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kMembersMax = 65536, kRediNeighboursMax = 64, kRollsMax = 1000;
constexpr double kNoiseScaleMax = 10, kRhoMax = 100, kAddedNoiseMax = 10;
constexpr double kRetrievalWeightMax = 4;
constexpr double kInflationMax = 10;

Status check_start(const StartOptions& start) {
  SKIPCAST_TRY_OK(check_names(start));
  if (start.separation < 1) return usage("the separation of analogs must be at least 1 state");
  if (!(start.key_mix >= 0 && start.key_mix <= 1)) return usage("key_mix must lie in 0..1");
  if (!(start.decay_tau >= 0)) return usage("the decay of the alignment must not be negative");
  if (start.pool < 0 || start.pool > kMembersMax) {
    return usage(
        fmt::format("a pool of 0..{} analogs is expected, not {}", kMembersMax, start.pool));
  }
  if (start.temperature && !(*start.temperature > 0)) {
    return usage("the temperature of the analogs' weights must be positive");
  }
  if (!(start.cold_share >= 0 && start.cold_share <= 1)) {
    return usage("the cold share must lie in 0..1");
  }
  if (start.cycle < 1 || start.rolls < 1 || start.rolls > kRollsMax) {
    return usage(
        fmt::format("cycles are 1 state or more apart, and 1..{} of them are rolled", kRollsMax));
  }
  if (start.redi_neighbours < 1 || start.redi_neighbours > kRediNeighboursMax) {
    return usage(fmt::format("ReDi combines 1..{} neighbours, not {}", kRediNeighboursMax,
                             start.redi_neighbours));
  }
  if (!(start.added_noise >= 0 && start.added_noise <= kAddedNoiseMax)) {
    return usage(fmt::format("the start's spread must lie in 0..{:g}", kAddedNoiseMax));
  }
  return {};
}

// The amount and size of a stochastic solver's noise.
Result<samplers::Noising> noising_for(const samplers::NamedSolver& solver, double sigma_max,
                                      const ForecastOptions& options) {
  if (!options.noise_amount && !options.noise_scale) {
    return samplers::Noising{.draw = {}, .sigma_max = sigma_max};
  }
  if (solver.amount.empty()) {
    return usage(
        fmt::format("{} draws no noise: leave the noise's amount and scale out, or take "
                    "a stochastic solver, such as dpmpp_2m_sde",
                    solver.name));
  }
  const double amount = options.noise_amount.value_or(solver.amount_default);
  if (!(amount >= 0 && amount <= solver.amount_max)) {
    return usage(fmt::format("{}'s {} must lie in 0..{:g}, not {:g}", solver.name, solver.amount,
                             solver.amount_max, amount));
  }
  const double scale = options.noise_scale.value_or(solver.scale_default);
  if (!(scale >= 0 && scale <= kNoiseScaleMax)) {
    return usage(
        fmt::format("the noise's scale must lie in 0..{:g}, not {:g}", kNoiseScaleMax, scale));
  }
  return samplers::Noising{.draw = {}, .amount = amount, .scale = scale, .sigma_max = sigma_max};
}

// What solvers that need more than a denoiser do not go with.
Status check_needs(const samplers::NamedSolver& solver, const ForecastOptions& options) {
  if (!solver.needs_moments && !solver.needs_one_step) return {};
  if (options.exit_tolerance > 0) {
    return usage(fmt::format("{} cannot exit early: leave --exit-tolerance out", solver.name));
  }
  return {};
}

Status check_inflation(const ForecastOptions& options) {
  for (const double factor : options.inflation) {
    if (factor > 0 && factor <= kInflationMax) continue;
    return usage(fmt::format("the inflation must be more than 0 and at most {:g}, not {:g}",
                             kInflationMax, factor));
  }
  return {};
}

}  // namespace

samplers::ScheduleOptions schedule_for(const Task& task, const ForecastOptions& options) {
  samplers::ScheduleOptions schedule = task.schedule;
  schedule.spacing = options.spacing;
  schedule.rho = options.rho.value_or(schedule.rho);
  return schedule;
}

Status check_members(const ForecastOptions& options) {
  if (options.members < 1) {
    return usage(fmt::format("an ensemble needs at least 1 member, not {}", options.members));
  }
  if (options.members > kMembersMax) {
    return usage(fmt::format("{} members are more than {}", options.members, kMembersMax));
  }
  if (options.member_batch < 0) return usage("member_batch must not be negative");
  return check_start(options.start);
}

Result<Chain> chain_for(const Task& task, const ForecastOptions& options) {
  SKIPCAST_TRY_OK(check_members(options));
  const auto solver = samplers::find_solver(options.solver);
  if (!solver) {
    return usage(
        fmt::format("no solver is called '{}'; there are {}", options.solver, solver_names()));
  }
  if (options.steps < 0) return usage(fmt::format("{} steps: 0 or more are needed", options.steps));
  if (options.steps == 0 && options.start.cold_share > 0) {
    return usage("members that start cold need at least 1 step");
  }
  if (options.rho && !(*options.rho >= 1 && *options.rho <= kRhoMax)) {
    return usage(fmt::format("rho must lie in 1..{:g}, not {:g}", kRhoMax, *options.rho));
  }
  SKIPCAST_TRY_OK(check_needs(*solver, options));
  const double told = options.retrieval_weight.value_or(0);
  if (!(told >= 0 && told <= kRetrievalWeightMax)) {
    return usage(fmt::format("the weight of retrieved futures must lie in 0..{:g}, not {:g}",
                             kRetrievalWeightMax, told));
  }
  SKIPCAST_TRY_OK(check_inflation(options));
  SKIPCAST_TRY_OK(check_stack(*solver, options));
  if (!(options.exit_tolerance >= 0)) return usage("the exit tolerance must not be negative");
  std::string error;
  const auto entry =
      samplers::enter(options.steps, options.depth, schedule_for(task, options), &error);
  if (!entry) return usage(error);
  SKIPCAST_TRY(samplers::Noising noising, noising_for(*solver, task.schedule.sigma_max, options));
  Chain chain = {*solver, std::move(noising), *entry, {}, {}};
  if (options.start.cold_share > 0) {
    const auto steps = static_cast<int64_t>(chain.entry.sigmas.size()) - 1;
    chain.cold = samplers::levels(steps, schedule_for(task, options));
  }
  const StartRow* const start = find_start(options.start.kind);
  if (start->check != nullptr) SKIPCAST_TRY_OK(start->check(task, options, chain));
  return chain;
}

}  // namespace skipcast::engine
