#include "engine/networks/retrieval_attention.h"

#include <cmath>
#include <memory>

#include "engine/networks/activations.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kFirstStream = 1 << 23;  // of initial weights, beyond the network's and heads'
constexpr int64_t kFacts = 2;

}  // namespace

RetrievalAttention::RetrievalAttention(int64_t width, int64_t heads, int64_t values)
    : heads_(heads) {
  norm_ = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
  values_ = register_module("values", torch::nn::Linear(values, width));
  facts_ = register_module("facts", torch::nn::Linear(kFacts, width));
  token_ = register_module("token", torch::nn::Linear(width, width));
  query_ = register_module("query", torch::nn::Linear(width, width));
  here_ = register_module("here", torch::nn::Linear(width, 2 * width));
  everywhere_ = register_module("everywhere", torch::nn::Linear(width, 2 * width));
  output_ = register_module("output", torch::nn::Linear(width, width));
  none_ = register_parameter("none", at::zeros({heads}));
}

void RetrievalAttention::initialise(uint64_t seed) {
  const at::NoGradGuard no_grad;
  fill_parameters(*this, seed, kFirstStream);
  norm_->weight.fill_(1);
  output_->weight.zero_();
}

at::Tensor RetrievalAttention::condition(const Network& host, const at::Tensor& features,
                                         const std::vector<at::Tensor>& inputs) {
  SKIPCAST_CHECK(inputs.size() == 4);
  const at::Tensor &futures = inputs[0], &mismatch = inputs[1];
  const at::Tensor states = at::cat({futures, mismatch}, 2);  // [B, K, T_out + T_in, V, P]
  const at::Tensor cells = host.cells_of(states.flatten(0, 1));
  const at::Tensor tokens =
      cells.reshape({states.size(0), states.size(1), cells.size(1), cells.size(2)});
  return host.features_of(moved(host.tokens_of(features), tokens, inputs[2], inputs[3]),
                          features.sizes());
}

at::Tensor RetrievalAttention::moved(const at::Tensor& h, const at::Tensor& tokens,
                                     const at::Tensor& facts, const at::Tensor& weight) {
  const int64_t batch = h.size(0), places = h.size(1), width = h.size(2), count = tokens.size(1);
  const int64_t part = width / heads_;
  const at::Tensor raw = values_(tokens) + facts_(facts).unsqueeze(2);
  const at::Tensor token = steady_silu(token_(steady_silu(raw)));  // [B, K, P, width]
  const at::Tensor both = here_(token) + everywhere_(token.mean(2)).unsqueeze(2);
  const auto keyed = both.view({batch, count, places, 2, heads_, part});
  const at::Tensor q = query_(norm_(h)).view({batch, 1, places, heads_, part});
  const double scale = 1 / std::sqrt(static_cast<double>(part));
  const at::Tensor scores = (q * keyed.select(3, 0)).sum(-1) * scale;  // [B, K, P, heads]
  const at::Tensor none = none_.expand({batch, 1, places, heads_});
  const at::Tensor shares = at::softmax(at::cat({scores, none}, 1), 1).narrow(1, 0, count);
  const at::Tensor mixed = (shares.unsqueeze(-1) * keyed.select(3, 1)).sum(1);
  const at::Tensor output = output_(mixed.reshape({batch, places, width}));
  return h + weight.view({-1, 1, 1}) * output;
}

std::vector<at::Tensor> of_retrieved(const RetrievedBatch& retrieved) {
  return {retrieved.futures, retrieved.mismatch, retrieved.facts, retrieved.weight};
}

// The table's (attachments.cc).
std::shared_ptr<Attachment> make_retrieval_attention(const Network& host) {
  const Network::TokenShape tokens = host.token_shape();
  const NetworkShape& shape = host.shape();
  const int64_t states = shape.context_states + shape.future_states;
  return std::make_shared<RetrievalAttention>(tokens.width, tokens.heads,
                                              states * shape.variables * tokens.cells);
}

}  // namespace skipcast::engine
