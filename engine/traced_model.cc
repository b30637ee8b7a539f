#include "engine/traced_model.h"

#include <ATen/ATen.h>

#include <utility>

namespace skipcast::engine {

TracedModel::TracedModel(std::shared_ptr<const Model> model)
    : model_(std::move(model)), record_(std::make_shared<Record>()) {}

void TracedModel::record(int64_t members) {
  SKIPCAST_CHECK(members > 1);
  *record_ = {.members = members};
}

std::vector<Evaluated> TracedModel::stop() { return std::exchange(*record_, {}).steps; }

samplers::Denoiser TracedModel::condition(const ContextBatch& context) const {
  samplers::Denoiser denoise = model_->condition(context);
  return [denoise = std::move(denoise), record = record_](const at::Tensor& x, double sigma) {
    at::Tensor estimate = denoise(x, sigma);
    // Clones: a solver may go on in the same memory.
    if (record->members > 0 && x.size(0) == record->members) {
      record->steps.push_back({sigma, x.clone(), estimate.clone()});
    }
    return estimate;
  };
}

at::Tensor TracedModel::mean_forecast(const ContextBatch& contexts) const {
  return model_->mean_forecast(contexts);
}

at::Tensor TracedModel::to_target(const at::Tensor& normalised, const at::Tensor& last) const {
  return model_->to_target(normalised, last);
}

at::Tensor TracedModel::from_target(const at::Tensor& target, const at::Tensor& last) const {
  return model_->from_target(target, last);
}

}  // namespace skipcast::engine
