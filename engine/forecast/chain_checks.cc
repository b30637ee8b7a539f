// What may be asked of a chain: what goes together and what a task allows. Ranges of single numbers
// are those of the settings' table.
#include <fmt/format.h>

#include "engine/forecast/denoiser_stack.h"
#include "engine/forecast/reverse_chain.h"
#include "engine/forecast/start_table.h"
#include "engine/settings/presets.h"
#include "engine/settings/setting_table.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kMembersMax = 65536;

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
  SKIPCAST_TRY_OK(check_names(options.start));
  return check(options);
}

Result<Chain> chain_for(const Task& task, const ForecastOptions& options) {
  SKIPCAST_TRY_OK(check_members(options));
  const auto solver = samplers::find_solver(options.solver);
  if (!solver) {
    return usage(
        fmt::format("no solver is called '{}'; there are {}", options.solver, solver_names()));
  }
  if (options.steps == 0 && options.start.cold_share > 0) {
    return usage("members that start cold need at least 1 step");
  }
  SKIPCAST_TRY_OK(check_needs(*solver, options));
  SKIPCAST_TRY_OK(check_stack(*solver, options));
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
