// DPM-Solver++(2S), Lu et al. 2022 (arXiv 2211.01095), algorithm 1, data prediction, in EDM
// coordinates: alpha = 1, lambda = -log sigma.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cmath>
#include <vector>

#include "samplers/solvers/solvers.h"

namespace skipcast::samplers {

at::Tensor dpmpp_2s_through(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas) {
  check_sigmas(sigmas);
  TORCH_CHECK(sigmas.size() % 2 == 1, "levels of 2S come as start, middle, start, middle, .., end");
  for (size_t i = 0; i + 2 < sigmas.size(); i += 2) {
    const double sigma = sigmas[i], middle = sigmas[i + 1], next = sigmas[i + 2];
    const at::Tensor denoised = denoise(x, sigma);
    const at::Tensor x_middle = x * (middle / sigma) + denoised * (1 - middle / sigma);
    const at::Tensor ahead = denoise(x_middle, middle);
    const double r = std::log(sigma / middle) / std::log(sigma / next);
    const at::Tensor target = denoised + (ahead - denoised) / (2 * r);
    x = x * (next / sigma) + target * (1 - next / sigma);
  }
  return x;
}

at::Tensor dpmpp_2s(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas) {
  check_sigmas(sigmas);
  if (sigmas.size() < 2) return x;
  std::vector<double> levels;  // up to the last level above 0, with geometric means between
  const size_t last = sigmas.size() - (sigmas.back() == 0 ? 2 : 1);
  for (size_t i = 0; i < last; ++i) {
    levels.insert(levels.end(), {sigmas[i], std::sqrt(sigmas[i] * sigmas[i + 1])});
  }
  levels.push_back(sigmas[last]);
  x = dpmpp_2s_through(denoise, std::move(x), levels);
  return sigmas.back() == 0 ? denoise(x, sigmas[last]) : x;
}

constinit extern const NamedSolver kDpmpp2s = {
    .name = "dpmpp_2s", .solve = ode<dpmpp_2s>, .evaluations_per_step = 2};

}  // namespace skipcast::samplers
