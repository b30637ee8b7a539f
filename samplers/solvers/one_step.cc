#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include "samplers/solvers/solvers.h"

namespace skipcast::samplers {

at::Tensor finish(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                  const Noising& noising) {
  check_sigmas(sigmas);
  for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
    x = denoise(x, sigmas[i]);
    if (sigmas[i + 1] == 0) break;
    x = x + noising.draw(static_cast<int64_t>(i) + 1) * sigmas[i + 1];
  }
  return x;
}

constinit extern const NamedSolver kOneStep = {
    .name = "one-step", .alias = "finisher", .solve = finish, .needs_one_step = true};

}  // namespace skipcast::samplers
