// Guidance by a kernel density: closed forms, limits, and a member's bits.
#include "samplers/guidance.h"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

#include "samplers/noise.h"
#include "tests/support/torch_doctest.h"

using namespace skipcast::samplers;

namespace {

at::Tensor noise(int64_t rows, at::IntArrayRef shape, uint64_t seed) {
  std::vector<int64_t> members(static_cast<size_t>(rows));
  for (int64_t i = 0; i < rows; ++i) members[static_cast<size_t>(i)] = i;
  return gaussian(seed, 0, members, 0, shape);
}

}  // namespace

TEST_CASE("Kernel mean: one centre is the posterior mean of a Gaussian") {
  const at::Tensor x = noise(3, {4, 1, 2}, 1), centre = noise(1, {4, 1, 2}, 2);
  const double sigma = 2, bandwidth = 0.5, variance = bandwidth * bandwidth + sigma * sigma;
  const at::Tensor expected = (x * (bandwidth * bandwidth) + centre * (sigma * sigma)) / variance;
  CHECK(at::allclose(kernel_mean(x, sigma, centre, bandwidth), expected, 1e-5, 1e-6));
}

TEST_CASE("Kernel mean: two centres in one dimension, by hand; every place by itself") {
  // Place 0 lies at centre 0, place 1 in the middle of both.
  const at::Tensor x = at::tensor({-1.0f, 0.0f}).view({1, 1, 1, 2});
  const at::Tensor centres = at::tensor({-1.0f, -1.0f, 1.0f, 1.0f}).view({2, 1, 1, 2});
  const double sigma = 0.6, bandwidth = 0.8;      // variance 1
  const double first = 1 / (1 + std::exp(-2.0));  // exp(0) against exp(-(2 * 2) / 2)
  const double kept = bandwidth * bandwidth;
  const at::Tensor mean = kernel_mean(x, sigma, centres, bandwidth);
  CHECK(mean[0][0][0][0].item<double>() ==
        doctest::Approx(-kept + (1 - kept) * (1 - 2 * first)).epsilon(1e-6));
  CHECK(std::abs(mean[0][0][0][1].item<double>()) < 1e-6);
}

TEST_CASE("Kernel mean: much noise gives the mean of the centres, none gives the state back") {
  const at::Tensor x = noise(2, {3, 1, 2}, 1), centres = noise(5, {3, 1, 2}, 2);
  const at::Tensor far = kernel_mean(x, 1e4, centres, 0.5);
  CHECK(at::allclose(far, centres.mean(0, true).expand_as(far), 1e-3, 1e-3));
  CHECK(at::allclose(kernel_mean(x, 1e-4, centres, 0.5), x, 1e-5, 1e-5));
  // Far from every centre nothing overflows: the nearest one has it all.
  const at::Tensor lost = kernel_mean(x + 1e6, 0.5, centres, 0.5);
  CHECK(lost.isfinite().all().item<bool>());
}

TEST_CASE("Guidance: its score is the weighted mean of both; a weight of 0 changes nothing") {
  const at::Tensor x = noise(4, {3, 1, 2}, 1), centres = noise(6, {3, 1, 2}, 2);
  const Denoiser half = [](const at::Tensor& state, double) { return state * 0.5; };
  const double sigma = 1.5;
  const at::Tensor expected =
      (half(x, sigma) - x) * 0.7 + (kernel_mean(x, sigma, centres, 0.4) - x) * 0.3;
  CHECK(at::allclose(guided(half, centres, 0.4, 0.3)(x, sigma) - x, expected, 1e-5, 1e-6));
  CHECK(at::equal(guided(half, centres, 0.4, 0)(x, sigma), half(x, sigma)));
  CHECK_THROWS(guided(half, centres, 0.4, 1.5));
  CHECK_THROWS(kernel_mean(x, sigma, centres, 0));
  CHECK_THROWS(kernel_mean(x, sigma, noise(6, {2, 1, 2}, 2), 0.4));
}

TEST_CASE("Guidance: a member has the same bits alone and in any batch") {
  const at::Tensor x = noise(37, {5, 1, 7}, 1), centres = noise(9, {5, 1, 7}, 2);
  const at::Tensor whole = kernel_mean(x, 0.7, centres, 0.4);
  for (const int64_t first : {0, 1, 30}) {
    for (const int64_t count : {1, 2, 7}) {
      const at::Tensor part = kernel_mean(x.narrow(0, first, count), 0.7, centres, 0.4);
      CHECK(at::equal(part, whole.narrow(0, first, count)));
    }
  }
}
