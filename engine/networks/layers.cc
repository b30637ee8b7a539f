#include "engine/networks/layers.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "engine/networks/activations.h"
#include "samplers/noise.h"
#include "storage/files/fingerprint.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kInitialisation = -1;  // NoiseKey::query of initial weights; origins are times
constexpr int64_t kSigmaFrequencies = 16;
constexpr double kHalfPi = std::numbers::pi / 2;

// Standard normal, [numel].
at::Tensor normal_values(int64_t numel, uint64_t seed, int64_t stream) {
  const std::array<int64_t, 1> member = {0};
  return samplers::gaussian(seed, kInitialisation, member, stream, {numel}).view({numel});
}

}  // namespace

void fill_normal(at::Tensor& parameter, uint64_t seed, int64_t stream, double scale) {
  const at::NoGradGuard no_grad;
  parameter.copy_((normal_values(parameter.numel(), seed, stream) * scale).view_as(parameter));
}

void fill_parameters(torch::nn::Module& module, uint64_t seed, int64_t stream) {
  const at::NoGradGuard no_grad;
  for (auto& parameter : module.parameters()) {
    ++stream;
    if (parameter.dim() < 2) {
      parameter.zero_();
      continue;
    }
    // Normal with the variance of the uniform law on +-1/sqrt(fan-in).
    const int64_t fan_in = parameter.numel() / parameter.size(0);
    fill_normal(parameter, seed, stream, 1 / std::sqrt(3.0 * static_cast<double>(fan_in)));
  }
}

at::Tensor drop(const at::Tensor& x, double rate, DropoutSource& source) {
  const auto threshold = static_cast<uint64_t>(std::lround(rate * 256));
  if (threshold == 0 || !source.seed) return x;
  const float kept = static_cast<float>(256.0 / (256.0 - static_cast<double>(threshold)));
  const uint64_t stream = storage::mix_bits(*source.seed + ++source.drawn);
  at::Tensor mask = at::empty(x.sizes(), at::kFloat);
  float* out = mask.data_ptr<float>();
  // One 64-bit hash decides eight elements.
  for (int64_t first = 0; first < mask.numel(); first += 8) {
    const uint64_t bits = storage::mix_bits(stream + static_cast<uint64_t>(first));
    const int64_t count = std::min<int64_t>(8, mask.numel() - first);
    for (int64_t i = 0; i < count; ++i) {
      out[first + i] = ((bits >> (8 * i)) & 255) < threshold ? 0 : kept;
    }
  }
  return x * mask.to(x.device());
}

SigmaEmbedding::SigmaEmbedding(int64_t width) {
  first_ = register_module("first", torch::nn::Linear(2 * kSigmaFrequencies, width));
  second_ = register_module("second", torch::nn::Linear(width, width));
  frequencies_ = register_buffer("frequencies", at::empty({kSigmaFrequencies}, at::kFloat));
  float* out = frequencies_.data_ptr<float>();
  for (int64_t i = 0; i < kSigmaFrequencies; ++i) {
    out[i] = static_cast<float>(kHalfPi * std::exp2(static_cast<double>(i) / 3));
  }
}

at::Tensor SigmaEmbedding::forward(const at::Tensor& c_noise) {
  const at::Tensor phase = c_noise.unsqueeze(1) * frequencies_;
  return steady_silu(second_(steady_silu(first_(at::cat({phase.cos(), phase.sin()}, 1)))));
}

Attention::Attention(int64_t width, int64_t heads, int64_t inducing)
    : heads_(heads), inducing_(inducing) {
  qkv_ = register_module("qkv", torch::nn::Linear(width, 3 * width));
  output_ = register_module("output", torch::nn::Linear(width, width));
  if (inducing_ == 0) return;
  points_ = register_parameter("points", at::zeros({inducing_, width}));
  query_ = register_module("query", torch::nn::Linear(width, width));
  summary_ = register_module("summary", torch::nn::Linear(width, 2 * width));
}

void Attention::initialise_special(uint64_t seed) {
  constexpr int64_t kPointsStream = 1 << 20;
  if (inducing_ > 0) fill_normal(points_, seed, kPointsStream, 0.02);
}

// [B, P, width] -> [B, heads, P, width / heads].
at::Tensor Attention::split(const at::Tensor& x) const {
  return x.view({x.size(0), x.size(1), heads_, -1}).transpose(1, 2);
}

at::Tensor Attention::attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             const at::Tensor& bias) const {
  if (q.is_cuda()) {  // fused: the matrix of weights never exists
    const at::Tensor queries = split(q);
    std::optional<at::Tensor> added;
    if (bias.defined()) added = bias.to(queries.scalar_type()).unsqueeze(0);
    return at::scaled_dot_product_attention(queries, split(k), split(v), added)
        .transpose(1, 2)
        .reshape({q.size(0), q.size(1), -1});
  }
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(-1)) / static_cast<double>(heads_));
  at::Tensor scores = at::matmul(split(q) * scale, split(k).transpose(-2, -1));
  if (bias.defined()) scores = scores + bias;
  const at::Tensor mixed = at::matmul(at::softmax(scores, -1), split(v));
  return mixed.transpose(1, 2).reshape({q.size(0), q.size(1), -1});
}

at::Tensor Attention::forward(const at::Tensor& x, const at::Tensor& bias) {
  const auto parts = qkv_(x).chunk(3, -1);
  const at::Tensor q = parts[0].contiguous(), k = parts[1].contiguous(), v = parts[2].contiguous();
  if (inducing_ == 0) return output_(attend(q, k, v, bias));
  const at::Tensor asked = query_(points_).unsqueeze(0).expand({x.size(0), -1, -1}).contiguous();
  const at::Tensor summaries = attend(asked, k, v, {}) + points_;
  const auto keyed = summary_(summaries).chunk(2, -1);
  return output_(attend(q, keyed[0].contiguous(), keyed[1].contiguous(), {}));
}

}  // namespace skipcast::engine
