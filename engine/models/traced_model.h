// A model that remembers what its denoisers were asked and what they answered: the reverse chain of
// a forecast as it really ran, without a second way of running it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/models/model.h"

namespace skipcast::engine {

// One evaluation of a chain, [members, state_shape()...].
struct Evaluated {
  double sigma = 0;
  at::Tensor x;         // the state handed to the network
  at::Tensor estimate;  // its answer, E[y | x]
};

// Everything is the wrapped model's. Const methods are thread-safe unless a recording is under way.
class TracedModel final : public Model {
 public:
  explicit TracedModel(std::shared_ptr<const Model> model);

  // From now on keeps the evaluations of `members` states at once (of each network: of those that
  // are assigned to it), forgetting earlier ones; shared mean forecasts have one state and are
  // passed over. REQUIRES more than one member a network.
  void record(int64_t members);
  // Ends the recording and hands it out, in order.
  std::vector<Evaluated> stop();

  int64_t networks() const override { return model_->networks(); }
  samplers::Denoiser condition(const ContextBatch& context) const override;
  samplers::Denoiser condition_by(int64_t network, const ContextBatch& context) const override;
  samplers::MomentDenoiser condition_moments(const ContextBatch& context) const override;
  bool can(std::string_view ability) const override { return model_->can(ability); }
  Result<std::shared_ptr<const ModelCopy>> copy(const std::string& kind) const override;
  const TargetSpace* target_space() const override { return model_->target_space(); }
  at::Tensor mean_forecast(const ContextBatch& contexts) const override;
  at::Tensor past_means(const ContextBatch& contexts,
                        std::span<const int64_t> origins) const override {
    return model_->past_means(contexts, origins);
  }
  std::vector<int64_t> state_shape() const override { return model_->state_shape(); }
  at::Tensor to_target(const at::Tensor& normalised, const at::Tensor& last) const override;
  at::Tensor from_target(const at::Tensor& target, const at::Tensor& last) const override;
  const Task& task() const override { return model_->task(); }
  const Split& split() const override { return model_->split(); }
  const retrieval::Normalizer& normalizer() const override { return model_->normalizer(); }
  std::string fingerprint() const override { return model_->fingerprint(); }
  int64_t parameters() const override { return model_->parameters(); }

 private:
  struct Record {
    int64_t members = 0;                        // 0: not recording
    std::vector<std::vector<Evaluated>> steps;  // of each network
  };
  // Who evaluates: a network, or `alone` for all members.
  struct Evaluator {
    int64_t network = 0, networks = 1;
    std::shared_ptr<Record> record;
    void keep(double sigma, const at::Tensor& x, const at::Tensor& estimate) const;
  };
  static samplers::Denoiser recorded(samplers::Denoiser denoise, Evaluator evaluator);

  std::shared_ptr<const Model> model_;
  std::shared_ptr<Record> record_;  // denoisers outlive calls, so they share it
};

}  // namespace skipcast::engine
