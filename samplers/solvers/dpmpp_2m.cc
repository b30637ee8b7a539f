// DPM-Solver++(2M), Lu et al. 2022 (arXiv 2211.01095), algorithm 2, data prediction, in EDM
// coordinates: alpha = 1, lambda = -log sigma, h_i = lambda_{i+1} - lambda_i, r_i = h_{i-1} / h_i.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <cmath>

#include "samplers/solvers/solvers.h"

namespace skipcast::samplers {

at::Tensor dpmpp_2m(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas) {
  check_sigmas(sigmas);
  at::Tensor previous;  // D_{i-1}; undefined on the first executed step
  double previous_h = 0;
  for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const at::Tensor denoised = denoise(x, sigmas[i]);
    if (sigmas[i + 1] == 0) return denoised;  // h = infinity: first order

    const double h = std::log(sigmas[i] / sigmas[i + 1]);
    at::Tensor target = denoised;
    if (previous.defined()) {
      const double w = h / (2 * previous_h);  // 1 / (2 r_i)
      target = denoised * (1 + w) - previous * w;
    }
    x = x * std::exp(-h) - target * std::expm1(-h);  // sigma_{i+1} / sigma_i = e^{-h}
    previous = denoised;
    previous_h = h;
  }
  return x;
}

constinit extern const NamedSolver kDpmpp2m = {.name = "dpmpp_2m", .solve = ode<dpmpp_2m>};

}  // namespace skipcast::samplers
