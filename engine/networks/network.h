// The raw networks F(c_in x; c_noise, context) behind a model, and the layers they share.
// Internal to engine: users see Model's Denoiser, which adds the EDM preconditioning.
//
// A network is used in two calls: encode() once per query, denoise() once per step. Rows of a
// batch never mix, so a member's bits do not depend on the others in its batch; and because
// matrix products of a few rows (measured: below 12) and attention of one row take other paths,
// which depend on threads too, small batches run repeated (kTokensMin, kRowsMin).
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/data/target_space.h"
#include "engine/data/task.h"

namespace skipcast::engine {

struct NetworkShape {
  int64_t context_states = 0, future_states = 0;
  int64_t variables = 0;          // targets V
  int64_t context_variables = 0;  // Vc
  int64_t places = 0;
  int64_t calendar = 0;           // features
  int64_t base_states = 0;        // time steps of ContextBatch::base
  int64_t rows = 0, columns = 0;  // of a grid
  at::Tensor adjacency;           // [P, P] or undefined
  at::Tensor description;         // [P, F] of places that are described, else undefined
};

// The shape of a task's batches.
NetworkShape shape_of(const Task& task, const storage::Places& places,
                      const retrieval::Normalizer& normalizer, const TargetSpace& target);

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

class MomentHeads;         // engine/networks/moment_heads.h
class RetrievalAttention;  // engine/networks/retrieval_attention.h
struct RetrievedBatch;     // engine/data/retrieved_futures.h

inline constexpr int64_t kTokensMin = 32;  // rows x places of a batch
inline constexpr int64_t kRowsMin = 2;

class Network : public torch::nn::Module {
 public:
  // What denoise() needs to know of the contexts: tensors whose first dimension is B.
  std::vector<at::Tensor> encode(const ContextBatch& contexts);
  // x [N, T_out, V, P] scaled by c_in; c_noise [N] or [1]; conditioning rows N, or 1 for all.
  // Returns F, shaped like x.
  at::Tensor denoise(const at::Tensor& x, const at::Tensor& c_noise,
                     const std::vector<at::Tensor>& conditioning);

  // The same with the moment heads' raw outputs [N, 2, T_out, V, P], of one pass of the trunk; F
  // has the bits that denoise() gives it. REQUIRES moment heads.
  struct Outputs {
    at::Tensor f, moments;
  };
  Outputs denoise_with_moments(const at::Tensor& x, const at::Tensor& c_noise,
                               const std::vector<at::Tensor>& conditioning);

  // Heads trained after the network itself; their parameters come last and begin "moments.".
  void add_moment_heads(uint64_t seed);
  MomentHeads* moment_heads() { return moment_heads_.get(); }  // null when there are none

  // What encode() made, moved by what happened after similar situations; rows of the batch as its.
  // Where retrieved.weight is 0 nothing changes. REQUIRES retrieval attention.
  std::vector<at::Tensor> add_retrieved(const std::vector<at::Tensor>& encoded,
                                        const RetrievedBatch& retrieved);
  // Its parameters begin "retrieval.".
  void add_retrieval(uint64_t seed);
  RetrievalAttention* retrieval() { return retrieval_.get(); }  // null when there is none

  // fill_parameters(), then lets the network set its special ones.
  void initialise(uint64_t seed);
  int64_t parameter_count() const;
  DropoutSource& dropout_source() { return *dropout_; }

 protected:
  // The same for batches that are large enough.
  virtual std::vector<at::Tensor> encode_rows(const ContextBatch& contexts) = 0;
  virtual at::Tensor trunk_rows(const at::Tensor& x, const at::Tensor& c_noise,
                                const std::vector<at::Tensor>& conditioning) = 0;
  // What heads make of the trunk's features, for x of these sizes: F, and the raw moments.
  virtual at::Tensor output_rows(const at::Tensor& features, at::IntArrayRef sizes) = 0;
  virtual at::Tensor moment_rows(const at::Tensor& features, const at::Tensor& c_noise,
                                 at::IntArrayRef sizes) = 0;
  virtual std::shared_ptr<MomentHeads> make_moment_heads() const = 0;
  virtual std::shared_ptr<RetrievalAttention> make_retrieval() const = 0;
  virtual at::Tensor add_retrieved_rows(const at::Tensor& encoded,
                                        const RetrievedBatch& retrieved) = 0;
  // Zero-initialised outputs, open gates, small embeddings.
  virtual void initialise_special(uint64_t seed) = 0;
  std::shared_ptr<DropoutSource> dropout_ = std::make_shared<DropoutSource>();
  std::shared_ptr<MomentHeads> moment_heads_;
  std::shared_ptr<RetrievalAttention> retrieval_;
};

std::shared_ptr<Network> make_network(const NetworkOptions& options, const NetworkShape& shape);
std::shared_ptr<Network> make_graph_net(const NetworkOptions& options, const NetworkShape& shape);
std::shared_ptr<Network> make_grid_net(const NetworkOptions& options, const NetworkShape& shape);

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
