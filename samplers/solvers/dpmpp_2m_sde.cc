// SDE-DPM-Solver++(2M), Lu et al. 2022 (arXiv 2211.01095), section 5, data prediction, "midpoint"
// weights, in EDM coordinates: alpha = 1, lambda = -log sigma, h = lambda' - lambda; eta scales the
// SDE's noise. METHODS 4.3.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cmath>

#include "samplers/solvers/solvers.h"

namespace skipcast::samplers {

at::Tensor dpmpp_2m_sde(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                        const Noising& noising) {
  check_sigmas(sigmas);
  const double eta = noising.amount.value_or(1), scale = noising.scale.value_or(1);
  TORCH_CHECK(eta >= 0 && eta <= 1, "eta is ", eta, ", must lie in 0..1");
  at::Tensor previous;  // D_{i-1}; undefined on the first executed step
  double previous_h = 0;
  for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const at::Tensor denoised = denoise(x, sigmas[i]);
    if (sigmas[i + 1] == 0) return denoised;

    const double h = std::log(sigmas[i] / sigmas[i + 1]);
    at::Tensor target = denoised;
    if (previous.defined()) {
      const double w = h / (2 * previous_h);  // 1 / (2 r)
      target = denoised * (1 + w) - previous * w;
    }
    x = x * std::exp(-h - eta * h) - target * std::expm1(-h - eta * h);
    const double fresh = sigmas[i + 1] * std::sqrt(-std::expm1(-2 * eta * h));
    if (fresh > 0) x = x + noising.draw(static_cast<int64_t>(i) + 1) * (fresh * scale);
    previous = denoised;
    previous_h = h;
  }
  return x;
}

constinit extern const NamedSolver kDpmpp2mSde = {.name = "dpmpp_2m_sde",
                                                  .solve = dpmpp_2m_sde,
                                                  .amount = "eta",
                                                  .amount_default = 1,
                                                  .amount_max = 1};

}  // namespace skipcast::samplers
