// Stochastic sampling by churn, Karras et al. 2022, algorithm 2, around any one-step solver.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "samplers/solvers/solvers.h"

namespace skipcast::samplers {
namespace {

constexpr double kChurnDefault = 2.5, kChurnMax = 1e6;
constexpr double kHeunScale = 1.003, kGencastScale = 1.05;  // S_noise

Noising with_scale(Noising noising, double scale) {
  if (!noising.scale) noising.scale = scale;
  return noising;
}

}  // namespace

at::Tensor churned(const Churn& churn, const Denoiser& denoise, at::Tensor x,
                   std::span<const double> sigmas, const Noising& noising) {
  check_sigmas(sigmas);
  const double s_churn = noising.amount.value_or(kChurnDefault);
  TORCH_CHECK(s_churn >= 0, "S_churn is ", s_churn, ", must be 0 or more");
  const double share = s_churn / static_cast<double>(std::max<size_t>(sigmas.size(), 2) - 1);
  const double gamma = std::min(share, std::numbers::sqrt2 - 1);
  for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const double sigma = sigmas[i];
    const bool inside = sigma >= churn.low && sigma <= churn.high;
    const double lifted = inside ? std::min(sigma * (1 + gamma), noising.sigma_max) : sigma;
    if (lifted > sigma) {  // lines 5, 6
      const double added = std::sqrt(lifted * lifted - sigma * sigma) * noising.scale.value_or(1);
      x = x + noising.draw(static_cast<int64_t>(i) + 1) * added;
    }
    const std::array levels = {std::max(lifted, sigma), sigmas[i + 1]};
    x = churn.step(denoise, std::move(x), levels);  // lines 7 to 11
  }
  return x;
}

at::Tensor heun_churn(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                      const Noising& noising) {
  return churned({.step = heun}, denoise, std::move(x), sigmas, with_scale(noising, kHeunScale));
}

at::Tensor dpmpp_2s_churn(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                          const Noising& noising) {
  constexpr double kAnyHigh = std::numeric_limits<double>::infinity();
  return churned({.step = dpmpp_2s, .low = 0.75, .high = kAnyHigh}, denoise, std::move(x), sigmas,
                 with_scale(noising, kGencastScale));
}

constinit extern const NamedSolver kHeunChurn = {.name = "heun_churn",
                                                 .solve = heun_churn,
                                                 .evaluations_per_step = 2,
                                                 .amount = "S_churn",
                                                 .amount_default = kChurnDefault,
                                                 .amount_max = kChurnMax,
                                                 .scale_default = kHeunScale};
constinit extern const NamedSolver kDpmpp2sChurn = {.name = "dpmpp_2s_churn",
                                                    .solve = dpmpp_2s_churn,
                                                    .evaluations_per_step = 2,
                                                    .amount = "S_churn",
                                                    .amount_default = kChurnDefault,
                                                    .amount_max = kChurnMax,
                                                    .scale_default = kGencastScale};

}  // namespace skipcast::samplers
