// Bits of an ensemble must not depend on how its members are batched nor on the number of threads.
// The denoiser here is a small convolution, attention and a linear layer.
#include <ATen/Parallel.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "samplers/noise.h"
#include "samplers/schedule.h"
#include "samplers/solvers/solvers.h"
#include "samplers/starts.h"
#include "tests/support/torch_doctest.h"

using namespace skipcast::samplers;

namespace {

constexpr int64_t kMembers = 15, kLeads = 12, kRows = 5, kColumns = 6, kHidden = 64;
constexpr int64_t kPlaces = kRows * kColumns;

at::Tensor weights(int64_t number, at::IntArrayRef shape) {
  const std::vector<int64_t> member = {number};
  const at::Tensor drawn = gaussian(99, 0, member, 0, shape)[0];
  return drawn / std::sqrt(static_cast<double>(drawn.numel() / drawn.size(0)));
}

// x [members, leads, 1, places]. Convolutions are 3 x 3, projections linear layers: bits of 1 x 1
// convolutions depend on the number of threads in LibTorch 2.11.
Denoiser small_network() {
  const at::Tensor convolution = weights(1, {kHidden, kLeads, 3, 3}), bias = weights(2, {kHidden});
  const at::Tensor out = weights(3, {kLeads, kHidden});
  return [=](const at::Tensor& x, double sigma) {
    const at::Tensor fields = x.view({-1, kLeads, kRows, kColumns}) / std::sqrt(sigma * sigma + 1);
    const at::Tensor hidden = at::conv2d(fields, convolution, bias, 1, 1).tanh();
    const at::Tensor tokens = at::layer_norm(hidden.flatten(2).transpose(1, 2), {kHidden});
    const at::Tensor mixed = at::scaled_dot_product_attention(tokens, tokens, tokens);
    return at::linear(mixed, out).transpose(1, 2).unsqueeze(2).contiguous();
  };
}

// LibTorch convolves a single small image with another kernel, so one member runs as two.
Denoiser never_alone(Denoiser denoise) {
  return [=](const at::Tensor& x, double sigma) {
    if (x.size(0) > 1) return denoise(x, sigma);
    return denoise(x.repeat({2, 1, 1, 1}), sigma).narrow(0, 0, 1);
  };
}

at::Tensor forecast(Solver solve, int64_t batch) {
  const auto sigmas = karras(3, {.sigma_max = 5});
  const Denoiser denoise = never_alone(small_network());
  std::vector<int64_t> members(kMembers);
  std::iota(members.begin(), members.end(), 0);
  std::vector<at::Tensor> parts;
  for (int64_t first = 0; first < kMembers; first += batch) {
    const auto some = std::span(members).subspan(first, std::min(batch, kMembers - first));
    const at::Tensor eps = gaussian(1, 2, some, 0, {kLeads, 1, kPlaces});
    const auto draw = [&some](int64_t n) { return gaussian(1, 2, some, n, {kLeads, 1, kPlaces}); };
    const at::Tensor entry = enter_at(at::zeros({kLeads, 1, kPlaces}), eps, 5);
    const auto moments = [&denoise](const at::Tensor& x, double sigma) -> Moments {
      const at::Tensor mean = denoise(x, sigma);
      return {mean, mean * mean + 0.1, mean};
    };
    parts.push_back(solve(denoise, entry, sigmas, {.draw = draw, .moments = moments}));
  }
  return at::cat(parts);
}

}  // namespace

TEST_CASE("Batches of 1, 7 and all members on 1 and 2 threads give equal bits") {
  const int before = at::get_num_threads();
  for (const NamedSolver& solver : solvers()) {
    CAPTURE(solver.name);
    at::set_num_threads(1);
    const at::Tensor expected = forecast(solver.solve, kMembers);
    CHECK(expected.isfinite().all().item<bool>());
    for (const int threads : {1, 2}) {
      at::set_num_threads(threads);
      for (const int64_t batch : {int64_t{1}, int64_t{7}, kMembers}) {
        CAPTURE(threads);
        CAPTURE(batch);
        CHECK(at::equal(forecast(solver.solve, batch), expected));
      }
    }
  }
  at::set_num_threads(before);
}
