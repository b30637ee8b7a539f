// Layers that networks and their attachments share, their initial values, and dropout. Internal to
// engine.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <optional>

namespace skipcast::engine {

// Where the dropout of a training step gets its bits; without a seed nothing is dropped. Each step
// sets a seed of its own (a function of seed and step), so that a resumed run repeats it.
struct DropoutSource {
  std::optional<uint64_t> seed;
  uint64_t drawn = 0;  // layers since the seed was set

  void start(uint64_t new_seed) { seed = new_seed, drawn = 0; }
  void stop() { seed.reset(); }
};

// x with a share `rate` of its elements (in steps of 1/256) zeroed and the rest scaled up, between
// start() and stop(); x itself otherwise. Counter-based: the same for any number of threads.
at::Tensor drop(const at::Tensor& x, double rate, DropoutSource& source);

// Features of ln(sigma)/4: cos and sin at 16 frequencies, two layers with SiLU. [N] -> [N, width].
class SigmaEmbedding : public torch::nn::Module {
 public:
  explicit SigmaEmbedding(int64_t width);
  at::Tensor forward(const at::Tensor& c_noise);

 private:
  torch::nn::Linear first_{nullptr}, second_{nullptr};
  at::Tensor frequencies_;
};

// Multi-head attention between tokens [B, P, width]; with inducing points (Lee et al. 2019, Set
// Transformer, ISAB without its inner MLPs) m learned queries first summarise all tokens, and the
// tokens attend to the m summaries: cost P m instead of P^2. `bias` [heads, P, P] may be undefined.
class Attention : public torch::nn::Module {
 public:
  Attention(int64_t width, int64_t heads, int64_t inducing);
  at::Tensor forward(const at::Tensor& x, const at::Tensor& bias = {});
  void initialise_special(uint64_t seed);
  torch::nn::Linear& output() { return output_; }

 private:
  at::Tensor split(const at::Tensor& x) const;
  at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    const at::Tensor& bias) const;

  int64_t heads_, inducing_;
  torch::nn::Linear qkv_{nullptr}, output_{nullptr}, query_{nullptr}, summary_{nullptr};
  at::Tensor points_;
};

// In-place values of one parameter as a function of (seed, stream): standard normal * scale.
void fill_normal(at::Tensor& parameter, uint64_t seed, int64_t stream, double scale);
// Every parameter of a module likewise, streams counting up after `stream`: weights normal with the
// variance 1 / (3 fan-in) of PyTorch's linear layers; vectors 0.
void fill_parameters(torch::nn::Module& module, uint64_t seed, int64_t stream);

}  // namespace skipcast::engine
