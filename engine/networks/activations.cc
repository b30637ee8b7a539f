// Built with -ffp-contract=off: a fused multiply-add in one copy of a loop would change bits.
#include "engine/networks/activations.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <bit>
#include <cstdint>

namespace skipcast::engine {
namespace {

constexpr int64_t kGrain = 1 << 14;  // elements worth a thread

// e^x for x in [-87, 87] by x = n ln 2 + r and the Taylor series to r^7, |r| <= ln 2 / 2.
inline float exponential(float x) {
  constexpr float kLog2E = 1.44269504f, kHigh = 0.693359375f, kLow = -2.12194440e-4f;
  const float bounded = x < -87.0f ? -87.0f : (x > 87.0f ? 87.0f : x);
  const float scaled = bounded * kLog2E;
  const auto n = static_cast<int32_t>(scaled + (scaled < 0 ? -0.5f : 0.5f));
  const float whole = static_cast<float>(n);
  const float r = (bounded - whole * kHigh) - whole * kLow;
  const float series =
      1.0f +
      r * (1.0f + r * (0.5f + r * (1.0f / 6 +
                                   r * (1.0f / 24 +
                                        r * (1.0f / 120 + r * (1.0f / 720 + r * (1.0f / 5040)))))));
  return series * std::bit_cast<float>((n + 127) << 23);
}

void silu_range(const float* x, float* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) y[i] = x[i] / (1.0f + exponential(-x[i]));
}

void gelu_range(const float* x, float* y, int64_t count) {
  constexpr float kTwice = 1.59576912f, kCubic = 0.044715f;  // 2 sqrt(2 / pi)
  for (int64_t i = 0; i < count; ++i) {
    const float inner = kTwice * (x[i] + kCubic * x[i] * x[i] * x[i]);
    y[i] = x[i] / (1.0f + exponential(-inner));
  }
}

at::Tensor over_all(const at::Tensor& x, void (*range)(const float*, float*, int64_t)) {
  const at::Tensor in = x.contiguous();
  at::Tensor out = at::empty_like(in);
  const float* from = in.const_data_ptr<float>();
  float* to = out.data_ptr<float>();
  at::parallel_for(0, in.numel(), kGrain, [&](int64_t begin, int64_t end) {
    range(from + begin, to + begin, end - begin);
  });
  return out;
}

// Training, other number types and devices are LibTorch's.
bool ours(const at::Tensor& x) {
  return !at::GradMode::is_enabled() && x.is_cpu() && x.scalar_type() == at::kFloat;
}

}  // namespace

at::Tensor steady_silu(const at::Tensor& x) {
  return ours(x) ? over_all(x, silu_range) : at::silu(x);
}

at::Tensor steady_gelu(const at::Tensor& x) {
  return ours(x) ? over_all(x, gelu_range) : at::gelu(x, "tanh");
}

}  // namespace skipcast::engine
