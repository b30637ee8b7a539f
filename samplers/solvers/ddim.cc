// DDIM with eta, Song et al. 2021, eq. 12 with the sigma of eq. 16. In EDM coordinates the fresh
// noise of a step has the deviation eta sigma' sqrt(sigma^2 - sigma'^2) / sigma.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cmath>

#include "samplers/solvers/solvers.h"

namespace skipcast::samplers {

at::Tensor ddim(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                const Noising& noising) {
  check_sigmas(sigmas);
  const double eta = noising.amount.value_or(1), scale = noising.scale.value_or(1);
  TORCH_CHECK(eta >= 0 && eta <= 1, "eta is ", eta, ", must lie in 0..1");
  for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const double sigma = sigmas[i], next = sigmas[i + 1];
    const at::Tensor denoised = denoise(x, sigma);
    if (next == 0) return denoised;

    const double fresh = eta * next * std::sqrt(1 - (next / sigma) * (next / sigma));
    const double kept = std::sqrt(next * next - fresh * fresh) / sigma;
    x = x * kept + denoised * (1 - kept);
    if (fresh > 0) x = x + noising.draw(static_cast<int64_t>(i) + 1) * (fresh * scale);
  }
  return x;
}

constinit extern const NamedSolver kDdim = {
    .name = "ddim", .solve = ddim, .amount = "eta", .amount_default = 1, .amount_max = 1};

}  // namespace skipcast::samplers
