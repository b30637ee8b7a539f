#include "engine/networks/network.h"

#include <torch/nn/modules/normalization.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <span>

#include "engine/data/place_description.h"
#include "engine/networks/activations.h"
#include "engine/networks/moment_heads.h"
#include "engine/networks/retrieval_attention.h"
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

NetworkShape shape_of(const Task& task, const storage::Places& places,
                      const retrieval::Normalizer& normalizer, const TargetSpace& target) {
  NetworkShape shape;
  shape.context_states = task.spec.context_states;
  shape.future_states = task.spec.future_states;
  shape.variables = static_cast<int64_t>(task.variables.size());
  shape.context_variables = static_cast<int64_t>(task.context_variables.size());
  shape.places = places.count();
  shape.calendar = calendar_features(task);
  if (normalizer.slots() > 1) shape.base_states = task.spec.span();
  if (places.kind == storage::PlacesKind::kGrid) {
    shape.rows = static_cast<int64_t>(places.lat.size());
    shape.columns = static_cast<int64_t>(places.lon.size());
  }
  if (!places.adjacency.empty()) {
    auto* data = const_cast<float*>(places.adjacency.data());  // cloned at once
    shape.adjacency = at::from_blob(data, {shape.places, shape.places}, at::kFloat).clone();
  }
  if (task.network.described_places) {
    shape.description = describe_places(places, normalizer, target);
  }
  return shape;
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

namespace {

// How often a batch is repeated to be large enough.
int64_t repeats_of(int64_t rows, int64_t places) {
  const int64_t wanted = std::max(kRowsMin, (kTokensMin + places - 1) / places);
  return (wanted + rows - 1) / rows;
}

at::Tensor repeated(const at::Tensor& x, int64_t times) {
  std::vector<int64_t> counts(static_cast<size_t>(x.dim()), 1);
  counts[0] = times;
  return x.repeat(counts);
}

struct Batch {
  at::Tensor x, c_noise;
  std::vector<at::Tensor> conditioning;
};

// What `run` makes of the rows in a batch that is large enough.
template <typename Run>
at::Tensor in_large_batches(const at::Tensor& x, const at::Tensor& c_noise,
                            const std::vector<at::Tensor>& conditioning, const Run& run) {
  const int64_t rows = x.size(0), times = repeats_of(rows, x.size(-1));
  if (times == 1) return run({x, c_noise, conditioning});
  Batch batch = {repeated(x, times), c_noise, conditioning};
  if (c_noise.size(0) > 1) batch.c_noise = repeated(c_noise, times);
  for (at::Tensor& part : batch.conditioning) {
    if (part.size(0) > 1) part = repeated(part, times);
  }
  return run(batch).narrow(0, 0, rows);
}

}  // namespace

std::vector<at::Tensor> Network::encode(const ContextBatch& contexts) {
  const int64_t rows = contexts.values.size(0);
  const int64_t times = repeats_of(rows, contexts.values.size(-1));
  if (times == 1) return encode_rows(contexts);
  ContextBatch many = contexts;
  for (at::Tensor* part : {&many.values, &many.mask, &many.calendar, &many.base, &many.last}) {
    *part = repeated(*part, times);
  }
  std::vector<at::Tensor> encoded = encode_rows(many);
  for (at::Tensor& part : encoded) part = part.narrow(0, 0, rows);
  return encoded;
}

at::Tensor Network::denoise(const at::Tensor& x, const at::Tensor& c_noise,
                            const std::vector<at::Tensor>& conditioning) {
  return in_large_batches(x, c_noise, conditioning, [this](const Batch& batch) {
    return output_rows(trunk_rows(batch.x, batch.c_noise, batch.conditioning), batch.x.sizes());
  });
}

Network::Outputs Network::denoise_with_moments(const at::Tensor& x, const at::Tensor& c_noise,
                                               const std::vector<at::Tensor>& conditioning) {
  SKIPCAST_CHECK(moment_heads_ != nullptr);
  at::Tensor moments;
  at::Tensor f = in_large_batches(x, c_noise, conditioning, [&](const Batch& batch) {
    const at::Tensor features = trunk_rows(batch.x, batch.c_noise, batch.conditioning);
    moments = moment_rows(features, batch.c_noise, batch.x.sizes()).narrow(0, 0, x.size(0));
    return output_rows(features, batch.x.sizes());
  });
  return {std::move(f), std::move(moments)};
}

void Network::add_moment_heads(uint64_t seed) {
  SKIPCAST_CHECK(moment_heads_ == nullptr);
  moment_heads_ = register_module("moments", make_moment_heads());
  moment_heads_->initialise(seed);
}

std::vector<at::Tensor> Network::add_retrieved(const std::vector<at::Tensor>& encoded,
                                               const RetrievedBatch& retrieved) {
  SKIPCAST_CHECK(retrieval_ != nullptr && encoded.size() == 1);
  const at::Tensor& h = encoded[0];
  const int64_t rows = h.size(0), times = repeats_of(rows, retrieved.futures.size(-1));
  if (times == 1) return {add_retrieved_rows(h, retrieved)};
  RetrievedBatch many = retrieved;
  for (at::Tensor* part : {&many.futures, &many.mismatch, &many.facts, &many.weight}) {
    *part = repeated(*part, times);
  }
  return {add_retrieved_rows(repeated(h, times), many).narrow(0, 0, rows)};
}

void Network::add_retrieval(uint64_t seed) {
  SKIPCAST_CHECK(retrieval_ == nullptr);
  retrieval_ = register_module("retrieval", make_retrieval());
  retrieval_->initialise(seed);
}

void Network::initialise(uint64_t seed) {
  const at::NoGradGuard no_grad;
  fill_parameters(*this, seed, 0);
  for (auto& module : modules(false)) {
    if (auto* norm = module->as<torch::nn::LayerNormImpl>(); norm && norm->weight.defined()) {
      norm->weight.fill_(1);
    }
    if (auto* norm = module->as<torch::nn::GroupNormImpl>()) norm->weight.fill_(1);
  }
  initialise_special(seed);
}

int64_t Network::parameter_count() const {
  int64_t count = 0;
  for (const auto& parameter : parameters()) count += parameter.numel();
  return count;
}

std::shared_ptr<Network> make_network(const NetworkOptions& options, const NetworkShape& shape) {
  return options.kind == NetworkKind::kGrid ? make_grid_net(options, shape)
                                            : make_graph_net(options, shape);
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
