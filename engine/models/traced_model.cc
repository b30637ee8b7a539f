#include "engine/models/traced_model.h"

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

// Clones: a solver may go on in the same memory.
void TracedModel::keep(Record& record, double sigma, const at::Tensor& x,
                       const at::Tensor& estimate) {
  if (record.members == 0 || x.size(0) != record.members) return;
  record.steps.push_back({sigma, x.clone(), estimate.clone()});
}

samplers::Denoiser TracedModel::recorded(samplers::Denoiser denoise,
                                         std::shared_ptr<Record> record) {
  return [denoise = std::move(denoise), record = std::move(record)](const at::Tensor& x,
                                                                    double sigma) {
    at::Tensor estimate = denoise(x, sigma);
    keep(*record, sigma, x, estimate);
    return estimate;
  };
}

samplers::Denoiser TracedModel::condition(const ContextBatch& context) const {
  return recorded(model_->condition(context), record_);
}

Result<std::shared_ptr<const ModelCopy>> TracedModel::copy(const std::string& kind) const {
  SKIPCAST_TRY(const std::shared_ptr<const ModelCopy> copy, model_->copy(kind));
  return std::make_shared<const ModelCopy>(ModelCopy{
      copy->info,
      [copy, record = record_](const ContextBatch& context, const RetrievedBatch* retrieved) {
        return recorded(copy->condition(context, retrieved), record);
      }});
}

samplers::MomentDenoiser TracedModel::condition_moments(const ContextBatch& context) const {
  samplers::MomentDenoiser moments = model_->condition_moments(context);
  if (!moments) return {};
  return [moments = std::move(moments), record = record_](const at::Tensor& x, double sigma) {
    samplers::Moments estimate = moments(x, sigma);
    keep(*record, sigma, x, estimate.mean);
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
