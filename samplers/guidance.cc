// Built with -ffp-contract=off: a fused multiply-add in one copy of a loop would change bits.
#include "samplers/guidance.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace skipcast::samplers {
namespace {

// Softmax over the analogs of one member and place, `stride` apart. LibTorch's may treat the ends
// of a range by another routine, and a member's bits would depend on the batch around it.
void softmax_column(float* values, int64_t count, int64_t stride) {
  float highest = values[0];
  for (int64_t k = 1; k < count; ++k) highest = std::max(highest, values[k * stride]);
  double sum = 0;
  for (int64_t k = 0; k < count; ++k) {
    const double each = std::exp(static_cast<double>(values[k * stride]) - highest);
    values[k * stride] = static_cast<float>(each);
    sum += each;
  }
  for (int64_t k = 0; k < count; ++k) {
    values[k * stride] = static_cast<float>(values[k * stride] / sum);
  }
}

// Over dimension 1 of logits [M, K, P].
at::Tensor steady_softmax(const at::Tensor& logits) {
  if (!logits.is_cpu() || logits.scalar_type() != at::kFloat) return at::softmax(logits, 1);
  const int64_t members = logits.size(0), count = logits.size(1), places = logits.size(2);
  at::Tensor out = logits.contiguous().clone();
  float* values = out.data_ptr<float>();
  for (int64_t member = 0; member < members; ++member) {
    for (int64_t place = 0; place < places; ++place) {
      softmax_column(values + member * count * places + place, count, places);
    }
  }
  return out;
}

}  // namespace

at::Tensor kernel_mean(const at::Tensor& x, double sigma, const at::Tensor& futures,
                       double bandwidth) {
  TORCH_CHECK(x.dim() == 4 && futures.dim() == 4 && x.sizes().slice(1) == futures.sizes().slice(1),
              "kernel_mean takes [M, T, V, P] and [K, T, V, P]");
  TORCH_CHECK(bandwidth > 0, "the bandwidth is ", bandwidth, ", must be more than 0");
  const int64_t members = x.size(0), count = futures.size(0), places = x.size(3);
  const at::Tensor flat = x.reshape({members, -1, places});
  const at::Tensor centres = futures.to(x.scalar_type()).reshape({count, -1, places});
  // Value after value: sums whose order does not depend on the batch.
  at::Tensor distance = at::zeros({members, count, places}, x.options());
  for (int64_t value = 0; value < flat.size(1); ++value) {
    const at::Tensor apart = flat.select(1, value).unsqueeze(1) - centres.select(1, value);
    distance += apart * apart;
  }
  const double variance = bandwidth * bandwidth + sigma * sigma;
  const at::Tensor shares = steady_softmax(distance * (-0.5 / variance));
  at::Tensor mixed = at::zeros_like(flat);
  for (int64_t k = 0; k < count; ++k) mixed += shares.select(1, k).unsqueeze(1) * centres[k];
  const double kept = bandwidth * bandwidth / variance;
  return (flat * kept + mixed * (1 - kept)).view(x.sizes());
}

Denoiser guided(Denoiser denoise, at::Tensor futures, double bandwidth, double weight) {
  TORCH_CHECK(weight >= 0 && weight <= 1, "the weight is ", weight, ", must lie in 0..1");
  return [denoise = std::move(denoise), futures = std::move(futures), bandwidth, weight](
             const at::Tensor& x, double sigma) {
    const at::Tensor own = denoise(x, sigma);
    return own * (1 - weight) + kernel_mean(x, sigma, futures, bandwidth) * weight;
  };
}

}  // namespace skipcast::samplers
