#include "engine/forecast/reverse_chain.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/forecast/denoiser_stack.h"
#include "engine/forecast/start_table.h"
#include "engine/settings/presets.h"
#include "samplers/early_exit.h"
#include "samplers/noise.h"
#include "samplers/starts.h"

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
  if (options.start.kind == StartKind::kRedi) {
    return usage(
        fmt::format("ReDi's trajectories cannot be made by {}: take another solver, such "
                    "as dpmpp_2m",
                    solver.name));
  }
  return {};
}

samplers::ScheduleOptions schedule_for(const Task& task, const ForecastOptions& options) {
  samplers::ScheduleOptions schedule = task.schedule;
  schedule.spacing = options.spacing;
  schedule.rho = options.rho.value_or(schedule.rho);
  return schedule;
}

// Members assigned evenly over the ensemble: this share of them.
bool is_cold(int64_t member, double share) {
  const auto before = [share](int64_t count) {
    return std::floor(static_cast<double>(count) * share + 1e-9);
  };
  return before(member + 1) > before(member);
}

// One run of the chain: everything that does not depend on the member.
class Run {
 public:
  Run(const Chain& chain, const Model& model, const Query& query, const ForecastOptions& options)
      : chain_(chain),
        model_(model),
        query_(query),
        options_(options),
        shape_(model.state_shape()) {}

  at::Tensor ensemble(const EntryState& entry);
  int64_t evaluations() const { return evaluations_; }  // of all members

 private:
  std::vector<int64_t> full_shape(int64_t members) const {
    std::vector<int64_t> full = shape_;
    full.insert(full.begin(), members);
    return full;
  }
  at::Tensor target_of(const at::Tensor& clean) const;
  at::Tensor noise_size(const at::Tensor& spread) const;
  at::Tensor solve(std::span<const int64_t> members, const at::Tensor& target,
                   const at::Tensor& size);
  at::Tensor solve_from(std::span<const int64_t> members, const at::Tensor& states);
  at::Tensor solve_aligned(std::span<const int64_t> members, const samplers::AlignedStart& start);
  at::Tensor solve_cold(std::span<const int64_t> members);
  at::Tensor run(const at::Tensor& x, const std::vector<double>& sigmas,
                 const samplers::Noising& noising);
  static at::Tensor rows(const at::Tensor& all, std::span<const int64_t> members) {
    const at::ArrayRef<int64_t> numbers(members.data(), members.size());
    return all.index_select(0, at::tensor(numbers).to(all.device()));
  }
  at::Tensor in_batches(std::span<const int64_t> members,
                        const std::function<at::Tensor(std::span<const int64_t>)>& one) const;
  samplers::Noising noising_of(std::span<const int64_t> members) const;

  const Chain& chain_;
  const Model& model_;
  const Query& query_;
  const ForecastOptions& options_;
  std::vector<int64_t> shape_;
  int64_t evaluations_ = 0;
};

at::Tensor Run::target_of(const at::Tensor& clean) const {
  const std::vector<int64_t> full = full_shape(options_.members);
  if (!clean.defined()) return at::zeros(full, query_.last.options());
  return model_.to_target(clean.expand(full), query_.last);
}

// Standard deviation of the entry's noise where it differs from entry.sigma, in target space.
at::Tensor Run::noise_size(const at::Tensor& spread) const {
  if (!spread.defined()) return {};
  const at::Tensor added = model_.to_target(spread.unsqueeze(0), at::zeros_like(query_.last))[0];
  return (added.square() + chain_.entry.sigma * chain_.entry.sigma).sqrt();
}

samplers::Noising Run::noising_of(std::span<const int64_t> members) const {
  samplers::Noising noising = chain_.noising;
  noising.draw = [this, members](int64_t draw) {  // 0 is the entry's
    return samplers::gaussian(options_.seed, query_.time_s, members, draw,
                              {shape_, query_.last.device()});
  };
  noising.moments = query_.moments;
  return noising;
}

at::Tensor Run::in_batches(std::span<const int64_t> members,
                           const std::function<at::Tensor(std::span<const int64_t>)>& one) const {
  const auto count = static_cast<int64_t>(members.size());
  const int64_t batch = options_.member_batch > 0 ? options_.member_batch : count;
  std::vector<at::Tensor> solved;
  for (int64_t first = 0; first < count; first += batch) {
    solved.push_back(one(members.subspan(first, std::min(batch, count - first))));
  }
  return solved.size() == 1 ? solved[0] : at::cat(solved);
}

at::Tensor Run::run(const at::Tensor& x, const std::vector<double>& sigmas,
                    const samplers::Noising& noising) {
  if (options_.exit_tolerance <= 0) {
    evaluations_ += x.size(0) * samplers::evaluations(chain_.solver, sigmas, noising);
    return chain_.solver.solve(query_.denoise, x, sigmas, noising);
  }
  samplers::EarlyExit exit(query_.denoise, options_.exit_tolerance);
  const at::Tensor solved = chain_.solver.solve(std::ref(exit), x, sigmas, noising);
  evaluations_ += exit.evaluations();
  return solved;
}

at::Tensor Run::solve(std::span<const int64_t> members, const at::Tensor& target,
                      const at::Tensor& size) {
  const at::Tensor clean = rows(target, members);
  const samplers::Noising noising = noising_of(members);
  const double sigma = chain_.entry.sigma;
  if (!size.defined() && sigma == 0) return clean;
  const at::Tensor eps = noising.draw(0);
  const at::Tensor x = size.defined() ? clean + eps * size : samplers::enter_at(clean, eps, sigma);
  if (chain_.entry.sigmas.empty()) return x;
  return run(x, chain_.entry.sigmas, noising);
}

// From states that have their noise already.
at::Tensor Run::solve_from(std::span<const int64_t> members, const at::Tensor& states) {
  return run(rows(states, members), chain_.entry.sigmas, noising_of(members));
}

// From futures that are moved, scaled and noised in one pass.
at::Tensor Run::solve_aligned(std::span<const int64_t> members,
                              const samplers::AlignedStart& start) {
  samplers::AlignedStart these = start;
  these.future = rows(start.future, members);
  these.analog_last = rows(start.analog_last, members);
  const at::Tensor x =
      samplers::enter_aligned(these, options_.seed, query_.time_s, members, chain_.entry.sigma);
  if (chain_.entry.sigmas.empty()) return x;
  return run(x, chain_.entry.sigmas, noising_of(members));
}

at::Tensor Run::solve_cold(std::span<const int64_t> members) {
  const samplers::Noising noising = noising_of(members);
  const at::Tensor x = noising.draw(0) * chain_.cold.front();
  return run(x, chain_.cold, noising);
}

at::Tensor Run::ensemble(const EntryState& entry) {
  std::vector<int64_t> order, cold;  // members from the start, then cold ones
  for (int64_t member = 0; member < options_.members; ++member) {
    (is_cold(member, options_.start.cold_share) ? cold : order).push_back(member);
  }
  const at::Tensor size = noise_size(entry.added_noise);
  const at::Tensor target = entry.aligned ? at::Tensor() : target_of(entry.clean);
  std::vector<at::Tensor> parts;
  if (!order.empty()) {
    parts.push_back(in_batches(order, [&](std::span<const int64_t> members) {
      if (entry.aligned) return solve_aligned(members, *entry.aligned);
      return entry.state.defined() ? solve_from(members, entry.state)
                                   : solve(members, target, size);
    }));
  }
  if (!cold.empty()) {
    parts.push_back(
        in_batches(cold, [&](std::span<const int64_t> members) { return solve_cold(members); }));
  }
  if (parts.size() == 1) return model_.from_target(parts[0], query_.last);
  order.insert(order.end(), cold.begin(), cold.end());
  at::Tensor all = at::empty(full_shape(options_.members), query_.last.options());
  all.index_copy_(0, at::tensor(order).to(all.device()), at::cat(parts));
  return model_.from_target(all, query_.last);
}

// ReDi's levels: the whole list up to the entry, cut at the key.
Status add_redi(const samplers::ScheduleOptions& schedule, const ForecastOptions& options,
                Chain& chain) {
  const samplers::Depth& depth = options.depth;
  if (!depth.skip_steps && !depth.skip_fraction) {
    return usage("ReDi enters a list of steps at its value step: say --skip-steps or --skip-frac");
  }
  const auto left = static_cast<int64_t>(chain.entry.sigmas.size()) - 1;
  const int64_t key = options.start.redi_key_step, value = options.steps - left;
  if (!(key >= 1 && key < value)) {
    return usage(fmt::format("ReDi's key step must lie in 1..{}, before its value step {}, not {}",
                             value - 1, value, key));
  }
  const std::vector<double> all = samplers::levels(options.steps, schedule);
  chain.redi.to_key.assign(all.begin(), all.begin() + key + 1);
  chain.redi.to_value.assign(all.begin() + key, all.begin() + value + 1);
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
  if (options.steps == 0 && options.start.kind == StartKind::kCold) {
    return usage("a cold start needs at least 1 step: it is pure noise before that");
  }
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
  if (options.start.kind == StartKind::kPrevious && options.start.cycle > task.spec.future_states) {
    return usage(fmt::format("a forecast of {} lead times has nothing left after {} states",
                             task.spec.future_states, options.start.cycle));
  }
  if (options.start.kind == StartKind::kRedi) {
    SKIPCAST_TRY_OK(add_redi(schedule_for(task, options), options, chain));
  }
  return chain;
}

int64_t shared_evaluations(const Chain& chain) {
  return samplers::evaluations(chain.solver, chain.redi.to_key, chain.noising);
}

int64_t evaluations(const Chain& chain) {
  return samplers::evaluations(chain.solver, chain.entry.sigmas, chain.noising);
}

Solved run_chain(const Chain& chain, const Model& model, const Query& query,
                 const EntryState& entry, const ForecastOptions& options) {
  Run run(chain, model, query, options);
  at::Tensor ensemble = run.ensemble(entry);
  const auto members = static_cast<double>(options.members);
  return {std::move(ensemble), static_cast<double>(run.evaluations()) / members};
}

}  // namespace skipcast::engine
