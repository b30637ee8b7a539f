// Euler on sigma. The probability-flow ODE dx/dsigma = (x - D(x; sigma)) / sigma (Karras et al.
// 2022, eq. 3 with s = 1) stepped once gives the convex combination below; the step to 0 is D.
// The same update as DDIM with eta = 0 (Song et al. 2021, eq. 12) in EDM coordinates.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include "samplers/solvers/solvers.h"

namespace skipcast::samplers {

at::Tensor euler(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas) {
  check_sigmas(sigmas);
  for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const double ratio = sigmas[i + 1] / sigmas[i];
    const at::Tensor denoised = denoise(x, sigmas[i]);
    x = ratio == 0 ? denoised : x * ratio + denoised * (1 - ratio);
  }
  return x;
}

constinit extern const NamedSolver kEuler = {.name = "euler", .solve = ode<euler>};

}  // namespace skipcast::samplers
