#include "engine/networks/moment_heads.h"

#include "engine/networks/activations.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kHidden = 128;
constexpr int64_t kFirstStream = 1 << 22;  // of initial weights, beyond the network's own

}  // namespace

MomentHeads::MomentHeads(int64_t width, int64_t outputs) {
  hidden_ = register_module("hidden", torch::nn::Linear(width, kHidden));
  level_ = register_module("level", std::make_shared<SigmaEmbedding>(kHidden));
  out_ = register_module("out", torch::nn::Linear(kHidden, 2 * outputs));
}

at::Tensor MomentHeads::read(const Network& host, const at::Tensor& features,
                             const at::Tensor& c_noise) {
  const at::Tensor level = level_->forward(c_noise).unsqueeze(1);
  const at::Tensor tokens = host.tokens_of(features).contiguous();
  const NetworkShape& shape = host.shape();
  return host.states_of(out_(steady_silu(hidden_(tokens) + level)),
                        {features.size(0), 2, shape.future_states, shape.variables, shape.places});
}

void MomentHeads::initialise(uint64_t seed) {
  const at::NoGradGuard no_grad;
  fill_parameters(*this, seed, kFirstStream);
  out_->weight.zero_();
}

ResidualMoments residual_moments(const at::Tensor& raw) {
  const at::Tensor u = raw.select(1, 0);
  return {(u + (u * u + 4).sqrt()) * 0.5, raw.select(1, 1)};
}

// The table's (attachments.cc).
std::shared_ptr<Attachment> make_moment_heads(const Network& host) {
  const Network::TokenShape tokens = host.token_shape();
  const NetworkShape& shape = host.shape();
  return std::make_shared<MomentHeads>(tokens.width,
                                       shape.future_states * shape.variables * tokens.cells);
}

}  // namespace skipcast::engine
