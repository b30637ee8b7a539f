// DPM-Solver++(3M): the third-order multistep of Lu et al. 2022 (arXiv 2211.01095, section 4.1 and
// appendix B), data prediction, in EDM coordinates; differences of past estimates give the first
// and second derivative of D by lambda. (Released code multiplies h^2 D'' / 2 by the weight of
// h^2 D'', which makes the method one of second order.)
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <cmath>

#include "samplers/solvers/solvers.h"

namespace skipcast::samplers {

at::Tensor dpmpp_3m(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas) {
  check_sigmas(sigmas);
  at::Tensor previous, oldest;  // D_{i-1}, D_{i-2}; undefined until there are such steps
  double previous_h = 0, oldest_h = 0;
  for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const at::Tensor denoised = denoise(x, sigmas[i]);
    if (sigmas[i + 1] == 0) return denoised;

    const double h = std::log(sigmas[i] / sigmas[i + 1]);
    const double phi2 = std::expm1(-h) / h + 1;
    x = x * std::exp(-h) - denoised * std::expm1(-h);
    if (previous.defined()) {
      const double r0 = previous_h / h;
      at::Tensor first = (denoised - previous) / r0;
      if (oldest.defined()) {
        const double r1 = oldest_h / h, phi3 = phi2 / h - 0.5;
        const at::Tensor change = (first - (previous - oldest) / r1) / (r0 + r1);
        x = x - change * (2 * phi3);  // change = h^2 D'' / 2
        first = first + change * r0;
      }
      x = x + first * phi2;
    }
    oldest = previous, oldest_h = previous_h;
    previous = denoised, previous_h = h;
  }
  return x;
}

constinit extern const NamedSolver kDpmpp3m = {.name = "dpmpp_3m", .solve = ode<dpmpp_3m>};

}  // namespace skipcast::samplers
