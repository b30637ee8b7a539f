// What is trained onto a finished network, and where it takes part. Internal to engine.
//
// An attachment overrides the hooks it needs; one that is asked for another ends the program, as
// any fault of ours. Rows of a batch never mix, so a member's bits do not depend on the others.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <vector>

#include "engine/networks/network.h"
#include "storage/status.h"

namespace skipcast::engine {

class Attachment : public torch::nn::Module {
 public:
  // Every parameter as a function of the seed; then the network says what it said without it.
  virtual void initialise(uint64_t seed) = 0;

  // After encode(): the context's features, moved by inputs whose first dimension is theirs.
  virtual at::Tensor condition(const Network& host, const at::Tensor& features,
                               const std::vector<at::Tensor>& inputs) {
    static_cast<void>(host), static_cast<void>(inputs);
    SKIPCAST_CHECK(false);
    return features;
  }

  // After the trunk: what it reads from the features there, c_noise [N] or [1]; returns [N, ...].
  virtual at::Tensor read(const Network& host, const at::Tensor& features,
                          const at::Tensor& c_noise) {
    static_cast<void>(host), static_cast<void>(c_noise);
    SKIPCAST_CHECK(false);
    return features;
  }
};

}  // namespace skipcast::engine
