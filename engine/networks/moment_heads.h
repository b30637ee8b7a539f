// Heads on a network's trunk for the spread and skewness of y given x, which the solver gms needs.
// Internal to engine: users see Model's MomentDenoiser.
//
// They are trained after the network, on its own residual r = (y - D) / c with
// c = c_out = sigma sigma_data / sqrt(sigma^2 + sigma_data^2), the deviation that y has given x
// where y is normal: so r has a variance of about 1 at every noise level, where that of y - D runs
// from sigma^2 to sigma_data^2. E[r^2 | x] is made positive by (u + sqrt(u^2 + 4)) / 2, softplus'
// algebraic twin, whose bits depend on the value alone; E[r^3 | x] is given as the skewness
// E[r^3 | x] / E[r^2 | x]^1.5, so that neither head has to follow the other's scale. An error of D
// itself counts as spread.
#pragma once

#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <memory>

#include "engine/networks/attachment.h"

namespace skipcast::engine {

// A layer with SiLU that also sees the noise level, and an output of two values an output of the
// network: first all u, then all skewnesses.
class MomentHeads : public Attachment {
 public:
  MomentHeads(int64_t width, int64_t outputs);
  // Then the variance is 1, the skewness 0 everywhere.
  void initialise(uint64_t seed) override;
  // The raw outputs, [N, 2, T_out, V, P].
  at::Tensor read(const Network& host, const at::Tensor& features,
                  const at::Tensor& c_noise) override;

 private:
  torch::nn::Linear hidden_{nullptr}, out_{nullptr};
  std::shared_ptr<SigmaEmbedding> level_;
};

// Of r given x; from raw outputs [N, 2, T_out, V, P], each [N, T_out, V, P].
struct ResidualMoments {
  at::Tensor variance, skewness;
};
ResidualMoments residual_moments(const at::Tensor& raw);

}  // namespace skipcast::engine
