// EDM preconditioning: its two forms agree, and what a network should have said gives the truth.
#include "samplers/precondition.h"

#include <ATen/ATen.h>

#include <vector>

#include "samplers/noise.h"
#include "tests/support/torch_doctest.h"

using namespace skipcast::samplers;

namespace {

constexpr double kData = 0.7;

at::Tensor values(int64_t stream) {
  const std::vector<int64_t> members = {0, 1, 2};
  return gaussian(1, 0, members, stream, {4, 2, 5});
}

}  // namespace

TEST_CASE("Precondition: levels in a double and in a tensor give the same denoiser") {
  const RawNetwork network = [](const at::Tensor& input, const at::Tensor& c_noise) {
    return input.sin() + c_noise;
  };
  const at::Tensor x = values(0);
  for (const double sigma : {0.02, 1.5, 20.0}) {
    const at::Tensor one = preconditioned(network, kData)(x, sigma);
    const at::Tensor other =
        preconditioned_tensor(network, kData)(x, at::full({}, sigma, at::kDouble));
    CHECK((one.scalar_type() == at::kFloat));
    CHECK(at::allclose(one, other.to(at::kFloat), 1e-5, 1e-5));
  }
}

TEST_CASE("Precondition: the wanted output of the network denoises to the truth, row by row") {
  const at::Tensor y = values(1), sigma = at::tensor({0.1f, 1.0f, 9.0f}).view({3, 1, 1, 1});
  const at::Tensor x = y + sigma * values(2);
  const TensorScalings scalings(sigma, kData);
  CHECK(at::allclose(scalings.denoised(x, scalings.wanted(y, x)), y, 1e-4, 1e-4));
  CHECK_FALSE(at::allclose(scalings.denoised(x, at::zeros_like(x)), y, 1e-2, 1e-2));
}

TEST_CASE("Precondition: no gradient goes through the form without them") {
  const RawNetwork network = [](const at::Tensor& input, const at::Tensor&) { return input; };
  const at::Tensor x = values(3).requires_grad_(true);
  CHECK_FALSE(preconditioned(network, kData)(x, 1).requires_grad());
  CHECK(preconditioned_tensor(network, kData)(x, at::full({}, 1.0, at::kDouble)).requires_grad());
}
