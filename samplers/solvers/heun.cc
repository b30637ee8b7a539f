// Heun's second-order method, Karras et al. 2022, algorithm 1 (deterministic: no churn).
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include "samplers/solvers/solvers.h"

namespace skipcast::samplers {

at::Tensor heun(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas) {
  check_sigmas(sigmas);
  for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const double sigma = sigmas[i], next = sigmas[i + 1];
    const at::Tensor denoised = denoise(x, sigma);
    if (next == 0) return denoised;  // line 5 with t_{i+1} = 0: x - (x - D)

    const at::Tensor slope = (x - denoised) / sigma;                       // line 4
    const at::Tensor ahead = x + slope * (next - sigma);                   // line 5
    const at::Tensor slope_ahead = (ahead - denoise(ahead, next)) / next;  // line 7
    x = x + (slope + slope_ahead) * (0.5 * (next - sigma));                // line 8
  }
  return x;
}

constinit extern const NamedSolver kHeun = {
    .name = "heun", .solve = ode<heun>, .evaluations_per_step = 2};

}  // namespace skipcast::samplers
