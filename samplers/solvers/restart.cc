// Restart sampling, Xu et al. 2023 (arXiv 2306.14878), algorithm 1, around any solver of the ODE.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cmath>
#include <vector>

#include "samplers/schedule.h"
#include "samplers/solvers/solvers.h"

namespace skipcast::samplers {
namespace {

constexpr double kRepeatsMax = 100;

constexpr int64_t kRepeatsDefault = 1;
constexpr double kRho = 7;  // of the levels inside an interval, as in the paper

// Where the chain is interrupted: the level above 0, after the first, nearest in the logarithm.
size_t nearest_level(std::span<const double> sigmas, double sigma) {
  size_t nearest = 1;
  const auto distance = [&](size_t i) { return std::abs(std::log(sigmas[i] / sigma)); };
  for (size_t i = 1; i < sigmas.size() && sigmas[i] > 0; ++i) {
    if (distance(i) < distance(nearest)) nearest = i;
  }
  return nearest;
}

// From `high` to `low` in this many steps.
std::vector<double> levels_between(double high, double low, int64_t steps) {
  std::vector<double> levels =
      karras(steps + 1, {.sigma_min = low, .sigma_max = high, .rho = kRho});
  levels.pop_back();  // not to 0
  return levels;
}

at::Tensor restart_first_step(OdeSolver solve, const Denoiser& denoise, at::Tensor x,
                              std::span<const double> sigmas, const Noising& noising) {
  check_sigmas(sigmas);
  const double repeats = noising.amount.value_or(kRepeatsDefault);
  TORCH_CHECK(repeats >= 0, "repeats are ", repeats, ", must be 0 or more");
  const bool none = repeats < 1 || sigmas.size() < 2 || sigmas[1] == 0;
  if (none) return solve(denoise, std::move(x), sigmas);
  const RestartInterval first = {1, static_cast<int64_t>(repeats), sigmas[1], sigmas[0]};
  return restarted({solve, {&first, 1}}, denoise, std::move(x), sigmas, noising);
}

}  // namespace

at::Tensor restarted(const Restarts& restarts, const Denoiser& denoise, at::Tensor x,
                     std::span<const double> sigmas, const Noising& noising) {
  check_sigmas(sigmas);
  if (sigmas.size() < 2 || sigmas[1] == 0) return restarts.solve(denoise, std::move(x), sigmas);
  std::vector<std::vector<const RestartInterval*>> at_level(sigmas.size());
  for (const RestartInterval& interval : restarts.intervals) {
    at_level[nearest_level(sigmas, interval.sigma_low)].push_back(&interval);
  }
  int64_t draws = 0;
  size_t begin = 0;
  for (size_t i = 1; i < sigmas.size(); ++i) {
    if (at_level[i].empty()) continue;
    x = restarts.solve(denoise, std::move(x), sigmas.subspan(begin, i - begin + 1));
    begin = i;
    for (const RestartInterval* interval : at_level[i]) {
      const double low = sigmas[i], high = interval->sigma_high;
      const std::vector<double> down = levels_between(high, low, interval->steps);
      const double lift = std::sqrt(high * high - low * low) * noising.scale.value_or(1);
      for (int64_t k = 0; k < interval->repeats; ++k) {
        x = x + noising.draw(++draws) * lift;
        x = restarts.solve(denoise, std::move(x), down);
      }
    }
  }
  return restarts.solve(denoise, std::move(x), sigmas.subspan(begin));
}

at::Tensor restart_heun(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                        const Noising& noising) {
  return restart_first_step(heun, denoise, std::move(x), sigmas, noising);
}

at::Tensor restart_2m(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                      const Noising& noising) {
  return restart_first_step(dpmpp_2m, denoise, std::move(x), sigmas, noising);
}

constinit extern const NamedSolver kRestartHeun = {.name = "restart_heun",
                                                   .solve = restart_heun,
                                                   .evaluations_per_step = 2,
                                                   .amount = "repeats",
                                                   .amount_default = 1,
                                                   .amount_max = kRepeatsMax,
                                                   .repeats_first_step = true};
constinit extern const NamedSolver kRestart2m = {.name = "restart_2m",
                                                 .solve = restart_2m,
                                                 .amount = "repeats",
                                                 .amount_default = 1,
                                                 .amount_max = kRepeatsMax,
                                                 .repeats_first_step = true};

}  // namespace skipcast::samplers
