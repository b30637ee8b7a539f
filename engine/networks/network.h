// The raw networks F(c_in x; c_noise, context) behind a model.
// Internal to engine: users see Model's Denoiser, which adds the EDM preconditioning.
//
// A network is used in two calls: encode() once per query, denoise() once per step. Rows of a
// batch never mix, so a member's bits do not depend on the others in its batch; and because
// matrix products of a few rows (measured: below 12) and attention of one row take other paths,
// which depend on threads too, small batches run repeated (kTokensMin, kRowsMin).
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/data/target_space.h"
#include "engine/data/task.h"
#include "engine/networks/layers.h"

namespace skipcast::engine {

struct NetworkShape {
  int64_t context_states = 0, future_states = 0;
  int64_t variables = 0;          // targets V
  int64_t context_variables = 0;  // Vc
  int64_t places = 0;
  int64_t calendar = 0;           // features
  int64_t base_states = 0;        // time steps of ContextBatch::base
  at::Tensor base_size;           // [V, P] deviation over slots of the climatology that
                                  // ContextBatch::base is of, in normalised units; or undefined
  int64_t rows = 0, columns = 0;  // of a grid
  at::Tensor adjacency;           // [P, P] or undefined
  at::Tensor description;         // [P, F] of places that are described, else undefined
};

// The shape of a task's batches.
NetworkShape shape_of(const Task& task, const storage::Places& places,
                      const retrieval::Normalizer& normalizer, const TargetSpace& target);

// What of it is known before anything is fitted: no adjacency, base sizes and described places.
// `by_slot`: the base differs between slots.
NetworkShape shape_of(const Task& task, const storage::Places& places, bool by_slot);

class Attachment;  // engine/networks/attachment.h

inline constexpr int64_t kTokensMin = 32;  // rows x places of a batch
inline constexpr int64_t kRowsMin = 2;

class Network : public torch::nn::Module {
 public:
  explicit Network(NetworkShape shape) : shape_(std::move(shape)) {}
  // What denoise() needs to know of the contexts: tensors whose first dimension is B.
  std::vector<at::Tensor> encode(const ContextBatch& contexts);
  // x [N, T_out, V, P] scaled by c_in; c_noise [N] or [1]; conditioning rows N, or 1 for all.
  // Returns F, shaped like x.
  at::Tensor denoise(const at::Tensor& x, const at::Tensor& c_noise,
                     const std::vector<at::Tensor>& conditioning);

  // The same with what an attachment reads from the trunk (attachment.h), of one pass; F has the
  // bits that denoise() gives it. REQUIRES that attachment.
  struct Outputs {
    at::Tensor f, read;
  };
  Outputs denoise_with(const std::string& name, const at::Tensor& x, const at::Tensor& c_noise,
                       const std::vector<at::Tensor>& conditioning);
  // What encode() made, moved by an attachment's inputs; rows as theirs. REQUIRES that attachment.
  std::vector<at::Tensor> conditioned_by(const std::string& name,
                                         const std::vector<at::Tensor>& encoded,
                                         const std::vector<at::Tensor>& inputs);

  // Attachments (attachments.h) come after the network itself: theirs are the last parameters, and
  // begin with the attachment's name. REQUIRES a name of the table that is not attached yet.
  Attachment& attach(const std::string& name, uint64_t seed);
  Attachment* attachment(std::string_view name) const;                    // null when there is none
  const std::vector<std::string>& attached() const { return attached_; }  // in that order

  const NetworkShape& shape() const { return shape_; }
  // How attachments see the network: features and states as tokens, and the ways back.
  struct TokenShape {
    int64_t width = 0, heads = 1;
    int64_t cells = 1;  // places that a token stands for
  };
  virtual TokenShape token_shape() const = 0;
  // [N, ...] -> [N, tokens, width], a view where it can be; and back to features of these sizes.
  virtual at::Tensor tokens_of(const at::Tensor& features) const = 0;
  virtual at::Tensor features_of(const at::Tensor& tokens, at::IntArrayRef sizes) const = 0;
  // [N, T, V, P] -> [N, tokens, T V cells]; and back to states of these sizes, [N, ..., P].
  virtual at::Tensor cells_of(const at::Tensor& states) const = 0;
  virtual at::Tensor states_of(const at::Tensor& cells, at::IntArrayRef sizes) const = 0;

  // fill_parameters(), then lets the network set its special ones.
  void initialise(uint64_t seed);
  int64_t parameter_count() const;
  DropoutSource& dropout_source() { return *dropout_; }

 protected:
  // The same for batches that are large enough.
  virtual std::vector<at::Tensor> encode_rows(const ContextBatch& contexts) = 0;
  virtual at::Tensor trunk_rows(const at::Tensor& x, const at::Tensor& c_noise,
                                const std::vector<at::Tensor>& conditioning) = 0;
  // F made of the trunk's features, for x of these sizes.
  virtual at::Tensor output_rows(const at::Tensor& features, at::IntArrayRef sizes) = 0;
  // Zero-initialised outputs, open gates, small embeddings.
  virtual void initialise_special(uint64_t seed) = 0;
  std::shared_ptr<DropoutSource> dropout_ = std::make_shared<DropoutSource>();
  const NetworkShape shape_;

 private:
  std::vector<std::string> attached_;
  std::vector<std::shared_ptr<Attachment>> attachments_;  // as attached_
};

// Of the kind that the options name (engine/data/network_kinds.h).
std::shared_ptr<Network> make_network(const NetworkOptions& options, const NetworkShape& shape);

}  // namespace skipcast::engine
