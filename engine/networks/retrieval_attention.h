// Cross-attention from a network's context features to retrieved futures
// (engine/data/retrieved_futures.h). Internal to engine.
//
// Every analog makes a token at every place, of its future there and of its context's mismatch; the
// mean of its tokens over the places stands for the analog as a whole. A place attends to the
// analogs by both, so that it can trust one that fits everywhere as well as one that fits here, or
// to none of them. Permutation-invariant; its output is added to the features, and is 0 at the
// start of training.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <cstdint>
#include <vector>

#include "engine/data/retrieved_futures.h"
#include "engine/networks/attachment.h"

namespace skipcast::engine {

class RetrievalAttention : public Attachment {
 public:
  // `values` is how many a token is made of: of the future and the mismatch of a place.
  RetrievalAttention(int64_t width, int64_t heads, int64_t values);
  // Then the output is 0.
  void initialise(uint64_t seed) override;
  // Inputs as of_retrieved() lists them. Where a row's weight is 0 nothing changes.
  at::Tensor condition(const Network& host, const at::Tensor& features,
                       const std::vector<at::Tensor>& inputs) override;

 private:
  // h [B, P, width]; tokens [B, K, P, values]; facts [B, K, 2]; weight [B]. Returns h, moved.
  at::Tensor moved(const at::Tensor& h, const at::Tensor& tokens, const at::Tensor& facts,
                   const at::Tensor& weight);

  int64_t heads_;
  torch::nn::LayerNorm norm_{nullptr};
  torch::nn::Linear values_{nullptr}, facts_{nullptr}, token_{nullptr};
  torch::nn::Linear query_{nullptr}, here_{nullptr}, everywhere_{nullptr}, output_{nullptr};
  at::Tensor none_;  // [heads], the score of no analog
};

// What Network::conditioned_by(kRetrievalAttention, ...) takes.
std::vector<at::Tensor> of_retrieved(const RetrievedBatch& retrieved);

}  // namespace skipcast::engine
