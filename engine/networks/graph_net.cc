// GraphNet: places as tokens. A pre-norm transformer over places encodes the context once per
// query; a second one, modulated by the noise level (adaptive layer norm with gates, Peebles & Xie
// 2023), denoises all lead times of all targets of a place in one token.
#include <torch/nn/modules/normalization.h>

#include "engine/networks/activations.h"
#include "engine/networks/network.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kEmbeddingStream = 1 << 21;
constexpr double kEmbeddingScale = 0.02;
constexpr double kFactDropout = 0.2;  // in training: no place is known by any one fact

struct BlockOptions {
  int64_t width, heads, inducing, hidden;
  double dropout;
  bool modulated;
};

BlockOptions block_options(const NetworkOptions& o, bool modulated) {
  return {o.width, o.heads, o.inducing, o.mlp_ratio * o.width, o.dropout, modulated};
}

class Block : public torch::nn::Module {
 public:
  Block(const BlockOptions& options, std::shared_ptr<DropoutSource> dropout)
      : options_(options), dropout_(std::move(dropout)) {
    const auto norm =
        torch::nn::LayerNormOptions({options.width}).elementwise_affine(!options.modulated);
    norm1_ = register_module("norm1", torch::nn::LayerNorm(norm));
    norm2_ = register_module("norm2", torch::nn::LayerNorm(norm));
    attention_ = register_module(
        "attention", std::make_shared<Attention>(options.width, options.heads, options.inducing));
    mlp1_ = register_module("mlp1", torch::nn::Linear(options.width, options.hidden));
    mlp2_ = register_module("mlp2", torch::nn::Linear(options.hidden, options.width));
    if (!options.modulated) return;
    modulation_ =
        register_module("modulation", torch::nn::Linear(options.width, 6 * options.width));
  }

  void initialise_special(uint64_t seed) {
    attention_->initialise_special(seed);
    if (!options_.modulated) return;
    modulation_->weight.zero_();  // shifts and scales 0, gates open at the start
    for (const int64_t gate : {2, 5}) {
      modulation_->bias.narrow(0, gate * options_.width, options_.width).fill_(1);
    }
  }

  // x [B, P, width]; level [B or 1, width] when modulated.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& level, const at::Tensor& bias) {
    if (!options_.modulated) {
      const at::Tensor y = x + dropped(attention_->forward(norm1_(x), bias));
      return y + dropped(mlp(norm2_(y)));
    }
    const auto m = modulation_(level).unsqueeze(1).chunk(6, -1);
    const at::Tensor in = norm1_(x) * (1 + m[0]) + m[1];
    const at::Tensor y = x + m[2] * dropped(attention_->forward(in, bias));
    return y + m[5] * dropped(mlp(norm2_(y) * (1 + m[3]) + m[4]));
  }

 private:
  at::Tensor mlp(const at::Tensor& x) { return mlp2_(steady_gelu(mlp1_(x))); }
  at::Tensor dropped(const at::Tensor& x) { return drop(x, options_.dropout, *dropout_); }

  BlockOptions options_;
  std::shared_ptr<DropoutSource> dropout_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
  std::shared_ptr<Attention> attention_;
  torch::nn::Linear mlp1_{nullptr}, mlp2_{nullptr}, modulation_{nullptr};
};

// Tokens per place from [B, A, ..., P]: [B, P, A * ...].
at::Tensor by_place(const at::Tensor& x) { return x.flatten(1, -2).transpose(1, 2); }

class GraphNet : public Network {
 public:
  GraphNet(const NetworkOptions& options, const NetworkShape& shape)
      : Network(shape), options_(options) {
    const int64_t width = options.width, outputs = shape.future_states * shape.variables;
    const int64_t extra = shape.context_variables - shape.variables;  // masks as means over time
    const int64_t features = shape.context_states * (shape.context_variables + shape.variables) +
                             extra + shape.base_states * shape.variables +
                             (raw() ? shape.context_states * shape.variables : 0);
    if (raw()) {
      base_size_ = register_buffer("base_size", shape.base_size);
      raw_size_ = register_buffer("raw_size", (1 + shape.base_size.square()).sqrt());
    }
    features_ = register_module("features", torch::nn::Linear(features, width));
    calendar_ =
        register_module("calendar", torch::nn::Linear(std::max<int64_t>(1, shape.calendar), width));
    if (options.described_places) {
      description_ = register_buffer("description", shape.description);
      facts_ = register_module("facts", torch::nn::Linear(shape.description.size(1), width));
      place_ = register_module("place", torch::nn::Linear(width, width));
    } else {
      places_ = register_parameter("places", at::zeros({shape.places, width}));
    }
    for (int64_t i = 0; i < options.context_blocks; ++i) {
      context_.push_back(
          register_module("context" + std::to_string(i),
                          std::make_shared<Block>(block_options(options, false), dropout_)));
    }
    context_norm_ =
        register_module("context_norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
    context_out_ = register_module("context_out", torch::nn::Linear(width, width));
    noisy_ = register_module("noisy", torch::nn::Linear(outputs, width));
    level_ = register_module("level", std::make_shared<SigmaEmbedding>(width));
    for (int64_t i = 0; i < options.blocks; ++i) {
      blocks_.push_back(
          register_module("block" + std::to_string(i),
                          std::make_shared<Block>(block_options(options, true), dropout_)));
    }
    out_norm_ =
        register_module("out_norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
    out_ = register_module("out", torch::nn::Linear(width, outputs));
    if (options.adjacency && shape.adjacency.defined() && options.inducing == 0) {
      roads_ = register_buffer("roads", shape.adjacency);
      adjacency_ = register_parameter("adjacency", at::zeros({2, options.heads}));
    }
  }

  std::vector<at::Tensor> encode_rows(const ContextBatch& contexts) override {
    const int64_t v = shape_.variables, extra = shape_.context_variables - v;
    std::vector<at::Tensor> parts = {by_place(contexts.values),
                                     by_place(contexts.mask.narrow(2, 0, v)),
                                     by_place(contexts.base)};
    if (raw()) {
      const at::Tensor anomalies = contexts.values.narrow(2, 0, v);
      const at::Tensor base = contexts.base.narrow(1, 0, shape_.context_states);
      parts.push_back(by_place((anomalies + base * base_size_) / raw_size_));
    }
    if (extra > 0) parts.push_back(by_place(contexts.mask.narrow(2, v, extra).mean({1}, true)));
    at::Tensor h = features_(drop(at::cat(parts, -1), options_.input_dropout, *dropout_)) +
                   own_of_places(contexts.values.size(0));
    if (shape_.calendar > 0) h = h + calendar_(contexts.calendar).unsqueeze(1);
    const at::Tensor bias = attention_bias();
    for (const auto& block : context_) h = block->forward(h, {}, bias);
    return {context_out_(context_norm_(h))};
  }

  // A token a place, [N, P, width].
  at::Tensor trunk_rows(const at::Tensor& x, const at::Tensor& c_noise,
                        const std::vector<at::Tensor>& conditioning) override {
    const at::Tensor level = level_->forward(c_noise);
    at::Tensor h = noisy_(by_place(x)) + conditioning[0];
    const at::Tensor bias = attention_bias();
    for (const auto& block : blocks_) h = block->forward(h, level, bias);
    return out_norm_(h);
  }

  at::Tensor output_rows(const at::Tensor& features, at::IntArrayRef sizes) override {
    return states_of(out_(features), sizes);
  }

  TokenShape token_shape() const override { return {options_.width, options_.heads, 1}; }
  at::Tensor tokens_of(const at::Tensor& features) const override { return features; }
  at::Tensor features_of(const at::Tensor& tokens, at::IntArrayRef) const override {
    return tokens;
  }
  at::Tensor cells_of(const at::Tensor& states) const override { return by_place(states); }
  at::Tensor states_of(const at::Tensor& cells, at::IntArrayRef sizes) const override {
    return cells.transpose(1, 2).reshape(sizes);
  }

 protected:
  void initialise_special(uint64_t seed) override {
    if (places_.defined()) fill_normal(places_, seed, kEmbeddingStream, kEmbeddingScale);
    for (const auto& block : context_) block->initialise_special(seed);
    for (const auto& block : blocks_) block->initialise_special(seed);
    out_->weight.zero_();
    if (adjacency_.defined()) adjacency_.zero_();
  }

 private:
  bool raw() const { return options_.raw_values && shape_.base_size.defined(); }

  // Learned weights of the adjacency and its transpose, one pair a head: [heads, P, P].
  at::Tensor attention_bias() const {
    if (!adjacency_.defined()) return {};
    const at::Tensor forward = adjacency_[0].view({-1, 1, 1}) * roads_;
    return forward + adjacency_[1].view({-1, 1, 1}) * roads_.t();
  }

  // What tells a place from the others: [P, width], or [B, P, width] where it is made of facts.
  at::Tensor own_of_places(int64_t rows) {
    if (places_.defined()) return places_;
    const at::Tensor facts = description_.unsqueeze(0).expand({rows, -1, -1}).contiguous();
    return place_(steady_silu(facts_(drop(facts, kFactDropout, *dropout_))));
  }

  NetworkOptions options_;
  torch::nn::Linear features_{nullptr}, calendar_{nullptr}, context_out_{nullptr};
  torch::nn::Linear facts_{nullptr}, place_{nullptr};  // of described places
  torch::nn::Linear noisy_{nullptr}, out_{nullptr};
  torch::nn::LayerNorm context_norm_{nullptr}, out_norm_{nullptr};
  at::Tensor places_, description_, adjacency_, roads_;
  at::Tensor base_size_, raw_size_;  // [V, P]: of the climatology, of values about their mean
  std::shared_ptr<SigmaEmbedding> level_;
  std::vector<std::shared_ptr<Block>> context_, blocks_;
};

}  // namespace

// A row of network_kinds.cc.
std::shared_ptr<Network> make_graph_net(const NetworkOptions& options, const NetworkShape& shape) {
  return std::make_shared<GraphNet>(options, shape);
}

}  // namespace skipcast::engine
