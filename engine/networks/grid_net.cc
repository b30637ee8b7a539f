// GridNet: a small U-Net over latitude and longitude. Fields are folded 2 x 2 into channels first
// (pixel unshuffle: a quarter of the places at four times the channels), so that convolutions run
// where they are cheap. One U-Net encodes the context once per query; the other denoises, with the
// context's features among its input channels and the noise level as FiLM after each block's
// second group norm. Self-attention at the coarse level lets distant regions see each other.
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/normalization.h>

#include "engine/networks/activations.h"
#include "engine/networks/network.h"

namespace skipcast::engine {
namespace {

namespace nn = torch::nn;

constexpr int64_t kGroups = 8;
constexpr int64_t kFold = 2;
constexpr int64_t kLevelWidth = 128;  // of the noise level's embedding
constexpr int64_t kPositionChannels = 4;
constexpr int64_t kPositionStream = 1 << 21;
constexpr double kPositionScale = 0.1;

struct UNetShape {
  int64_t in, fine, coarse, blocks, heads, inducing;
  double dropout;
  bool modulated, cyclic;
};

nn::Conv2d conv3(int64_t in, int64_t out, int64_t stride = 1) {
  return nn::Conv2d(nn::Conv2dOptions(in, out, 3).padding(1).stride(stride));
}

// 3x3, with zeros beyond the edges; beyond the first and last column of a whole circle of latitude
// lies the column at the other end.
at::Tensor convolved(nn::Conv2d& layer, const at::Tensor& x, bool cyclic) {
  if (!cyclic) return layer(x);
  const at::Tensor around = at::cat({x.slice(3, x.size(3) - 1), x, x.slice(3, 0, 1)}, 3);
  return at::conv2d(around, layer->weight, layer->bias, layer->options.stride(), {1, 0});
}

// Group norm, SiLU, 3x3; group norm, FiLM, SiLU, dropout, 3x3 (zero at the start); plus the input.
class ResidualBlock : public nn::Module {
 public:
  ResidualBlock(int64_t channels, const UNetShape& shape, std::shared_ptr<DropoutSource> source)
      : dropout_(shape.dropout), cyclic_(shape.cyclic), source_(std::move(source)) {
    norm1_ = register_module("norm1", nn::GroupNorm(kGroups, channels));
    norm2_ = register_module("norm2", nn::GroupNorm(kGroups, channels));
    conv1_ = register_module("conv1", conv3(channels, channels));
    conv2_ = register_module("conv2", conv3(channels, channels));
    if (shape.modulated) film_ = register_module("film", nn::Linear(kLevelWidth, 2 * channels));
  }

  void initialise_special() {
    conv2_->weight.zero_();
    if (film_) film_->weight.zero_();
  }

  at::Tensor forward(const at::Tensor& x, const at::Tensor& level) {
    at::Tensor h = norm2_(convolved(conv1_, steady_silu(norm1_(x)), cyclic_));
    if (film_) {
      const auto film = film_(level).unsqueeze(-1).unsqueeze(-1).chunk(2, 1);
      h = h * (1 + film[0]) + film[1];
    }
    return x + convolved(conv2_, drop(steady_silu(h), dropout_, *source_), cyclic_);
  }

 private:
  double dropout_;
  bool cyclic_;
  std::shared_ptr<DropoutSource> source_;
  nn::GroupNorm norm1_{nullptr}, norm2_{nullptr};
  nn::Conv2d conv1_{nullptr}, conv2_{nullptr};
  nn::Linear film_{nullptr};
};

// A 1x1 convolution as a linear layer over channels: the bits of LibTorch's 1x1 convolutions depend
// on batch and threads at some shapes.
at::Tensor pointwise(nn::Linear& layer, const at::Tensor& x) {
  return layer(x.permute({0, 2, 3, 1}).contiguous()).permute({0, 3, 1, 2}).contiguous();
}

// Two levels with additive skip; the coarse one starts with a block and self-attention.
class UNet : public nn::Module {
 public:
  UNet(const UNetShape& shape, std::shared_ptr<DropoutSource> source) : cyclic_(shape.cyclic) {
    in_ = register_module("in", conv3(shape.in, shape.fine));
    down_ = register_module("down", conv3(shape.fine, shape.coarse, 2));
    up_ = register_module("up", nn::Linear(shape.coarse, shape.fine));
    const auto block = [&](const std::string& name, int64_t channels) {
      return register_module(name, std::make_shared<ResidualBlock>(channels, shape, source));
    };
    for (int64_t i = 0; i < shape.blocks; ++i) {
      before_.push_back(block("before" + std::to_string(i), shape.fine));
      after_.push_back(block("after" + std::to_string(i), shape.fine));
    }
    for (int64_t i = 0; i <= shape.blocks; ++i) {
      middle_.push_back(block("middle" + std::to_string(i), shape.coarse));
    }
    norm_ = register_module("norm", nn::GroupNorm(kGroups, shape.coarse));
    attention_ = register_module(
        "attention", std::make_shared<Attention>(shape.coarse, shape.heads, shape.inducing));
  }

  void initialise_special(uint64_t seed) {
    for (const auto* blocks : {&before_, &middle_, &after_}) {
      for (const auto& block : *blocks) block->initialise_special();
    }
    attention_->initialise_special(seed);
    attention_->output()->weight.zero_();
  }

  // `added` joins after the first convolution (calendar), broadcasting over the grid.
  // Channels lie side by side on a GPU, where convolutions run on tensor cores.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& level, const at::Tensor& added) {
    at::Tensor h =
        convolved(in_, x.is_cuda() ? x.contiguous(at::MemoryFormat::ChannelsLast) : x, cyclic_);
    if (added.defined()) h = h + added;
    for (const auto& block : before_) h = block->forward(h, level);
    at::Tensor deep = convolved(down_, h, cyclic_);
    for (size_t i = 0; i < middle_.size(); ++i) {
      deep = middle_[i]->forward(deep, level);
      if (i == 0) deep = attend(deep);
    }
    h = h + at::upsample_nearest2d(pointwise(up_, deep), h.sizes().slice(2));
    for (const auto& block : after_) h = block->forward(h, level);
    return h;
  }

 private:
  at::Tensor attend(const at::Tensor& x) {
    const at::Tensor tokens = norm_(x).flatten(2).transpose(1, 2).contiguous();
    return x + attention_->forward(tokens).transpose(1, 2).reshape(x.sizes());
  }

  bool cyclic_;
  nn::Conv2d in_{nullptr}, down_{nullptr};
  nn::Linear up_{nullptr};
  std::vector<std::shared_ptr<ResidualBlock>> before_, middle_, after_;
  nn::GroupNorm norm_{nullptr};
  std::shared_ptr<Attention> attention_;
};

class GridNet : public Network {
 public:
  GridNet(const NetworkOptions& options, const NetworkShape& shape)
      : Network(shape), cyclic_(options.cyclic) {
    const int64_t fold = kFold * kFold, fine = options.width;
    const int64_t coarse = (fine * 3 / 2 + kGroups - 1) / kGroups * kGroups;
    const int64_t heads = coarse % options.heads == 0 ? options.heads : 1;
    const int64_t context =
        shape.context_states * shape.context_variables + (shape.base_states + 1) * shape.variables;
    const int64_t field = shape.future_states * shape.variables;
    rows_ = (shape.rows + kFold - 1) / kFold;
    columns_ = (shape.columns + kFold - 1) / kFold;
    position_ = register_parameter("position", at::zeros({1, kPositionChannels, rows_, columns_}));
    calendar_ = register_module("calendar", nn::Linear(std::max<int64_t>(1, shape.calendar), fine));
    encoder_ = register_module(
        "encoder",
        std::make_shared<UNet>(UNetShape{context * fold + kPositionChannels, fine, coarse,
                                         std::max<int64_t>(1, options.context_blocks), heads,
                                         options.inducing, options.dropout, false, options.cyclic},
                               dropout_));
    encoded_ = register_module("encoded", nn::Linear(fine, fine));
    level_ = register_module("level", std::make_shared<SigmaEmbedding>(kLevelWidth));
    decoder_ = register_module(
        "decoder",
        std::make_shared<UNet>(UNetShape{field * fold + fine, fine, coarse, options.blocks, heads,
                                         options.inducing, options.dropout, true, options.cyclic},
                               dropout_));
    out_norm_ = register_module("out_norm", nn::GroupNorm(kGroups, fine));
    out_ = register_module("out", conv3(fine, field * fold));
  }

  std::vector<at::Tensor> encode_rows(const ContextBatch& contexts) override {
    // The share of missing values stands for their times: grids are rarely incomplete.
    const at::Tensor observed = contexts.mask.narrow(2, 0, shape_.variables).mean({1}, true);
    const at::Tensor fields =
        at::cat({folded(contexts.values), folded(observed), folded(contexts.base)}, 1);
    const at::Tensor position = position_.expand({fields.size(0), -1, -1, -1});
    at::Tensor added;
    if (shape_.calendar > 0) {
      added = calendar_(contexts.calendar).unsqueeze(-1).unsqueeze(-1);
    }
    return {pointwise(encoded_, encoder_->forward(at::cat({fields, position}, 1), {}, added))};
  }

  // [N, width, rows / 2, columns / 2].
  at::Tensor trunk_rows(const at::Tensor& x, const at::Tensor& c_noise,
                        const std::vector<at::Tensor>& conditioning) override {
    const at::Tensor context = conditioning[0].expand({x.size(0), -1, -1, -1});
    const at::Tensor h =
        decoder_->forward(at::cat({folded(x), context}, 1), level_->forward(c_noise), {});
    return steady_silu(out_norm_(h));
  }

  at::Tensor output_rows(const at::Tensor& features, at::IntArrayRef sizes) override {
    return unfolded(convolved(out_, features, cyclic_)).reshape(sizes);
  }

  // Tokens are the folded fields' cells.
  TokenShape token_shape() const override {
    const int64_t width = encoded_->options.out_features();
    return {width, width % 4 == 0 ? 4 : 1, kFold * kFold};
  }
  at::Tensor tokens_of(const at::Tensor& features) const override {
    return features.flatten(2).transpose(1, 2);
  }
  at::Tensor features_of(const at::Tensor& tokens, at::IntArrayRef sizes) const override {
    return tokens.transpose(1, 2).reshape(sizes);
  }
  at::Tensor cells_of(const at::Tensor& states) const override {
    return folded(states).flatten(2).transpose(1, 2);
  }
  at::Tensor states_of(const at::Tensor& cells, at::IntArrayRef sizes) const override {
    const at::Tensor channels = cells.transpose(1, 2).contiguous();
    return unfolded(channels.view({sizes[0], -1, rows_, columns_})).reshape(sizes);
  }

 protected:
  void initialise_special(uint64_t seed) override {
    fill_normal(position_, seed, kPositionStream, kPositionScale);
    encoder_->initialise_special(seed);
    decoder_->initialise_special(seed);
    out_->weight.zero_();
  }

 private:
  // [B, T, V, P] -> [B, T V 4, rows / 2, columns / 2]; odd edges are repeated once.
  at::Tensor folded(const at::Tensor& x) const {
    const int64_t channels = x.size(1) * x.size(2);
    if (channels == 0) return at::empty({x.size(0), 0, rows_, columns_}, x.options());
    const at::Tensor grid = x.reshape({x.size(0), channels, shape_.rows, shape_.columns});
    const std::array<int64_t, 4> edges = {0, columns_ * kFold - shape_.columns, 0,
                                          rows_ * kFold - shape_.rows};
    return at::pixel_unshuffle(at::replication_pad2d(grid, edges), kFold);
  }

  // The way back, [B, channels, latitudes, longitudes].
  at::Tensor unfolded(const at::Tensor& x) const {
    return at::pixel_shuffle(x, kFold).slice(2, 0, shape_.rows).slice(3, 0, shape_.columns);
  }

  bool cyclic_;
  int64_t rows_ = 0, columns_ = 0;
  at::Tensor position_;
  nn::Linear calendar_{nullptr};
  std::shared_ptr<UNet> encoder_, decoder_;
  std::shared_ptr<SigmaEmbedding> level_;
  nn::Linear encoded_{nullptr};
  nn::Conv2d out_{nullptr};
  nn::GroupNorm out_norm_{nullptr};
};

}  // namespace

// A row of network_kinds.cc.
std::shared_ptr<Network> make_grid_net(const NetworkOptions& options, const NetworkShape& shape) {
  return std::make_shared<GridNet>(options, shape);
}

}  // namespace skipcast::engine
