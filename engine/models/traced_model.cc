#include "engine/models/traced_model.h"

#include <ATen/ATen.h>

#include <utility>

namespace skipcast::engine {

TracedModel::TracedModel(std::shared_ptr<const Model> model)
    : model_(std::move(model)), record_(std::make_shared<Record>()) {}

void TracedModel::record(int64_t members) {
  SKIPCAST_CHECK(members > networks());
  *record_ = {.members = members, .steps = {}};
  record_->steps.resize(static_cast<size_t>(networks()));
}

namespace {

// Rows of all networks in the places of their members: member m is row m / n of network m % n.
at::Tensor assigned(const std::vector<at::Tensor>& by_network, int64_t members) {
  const auto networks = static_cast<int64_t>(by_network.size());
  if (networks == 1) return by_network[0];
  std::vector<at::Tensor> rows;
  for (int64_t m = 0; m < members; ++m) {
    rows.push_back(by_network[static_cast<size_t>(m % networks)][m / networks]);
  }
  return at::stack(rows);
}

}  // namespace

std::vector<Evaluated> TracedModel::stop() {
  Record record = std::exchange(*record_, {});
  std::erase_if(record.steps, [](const auto& steps) { return steps.empty(); });
  std::vector<Evaluated> all;
  for (size_t step = 0; !record.steps.empty() && step < record.steps[0].size(); ++step) {
    std::vector<at::Tensor> x, estimate;
    for (const auto& steps : record.steps) {
      SKIPCAST_CHECK(steps.size() == record.steps[0].size());
      x.push_back(steps[step].x);
      estimate.push_back(steps[step].estimate);
    }
    all.push_back({record.steps[0][step].sigma, assigned(x, record.members),
                   assigned(estimate, record.members)});
  }
  return all;
}

// Clones: a solver may go on in the same memory.
void TracedModel::Evaluator::keep(double sigma, const at::Tensor& x,
                                  const at::Tensor& estimate) const {
  const int64_t own = (record->members - network + networks - 1) / networks;
  if (record->members == 0 || x.size(0) != own) return;
  record->steps[static_cast<size_t>(network)].push_back({sigma, x.clone(), estimate.clone()});
}

samplers::Denoiser TracedModel::recorded(samplers::Denoiser denoise, Evaluator evaluator) {
  return [denoise = std::move(denoise), evaluator = std::move(evaluator)](const at::Tensor& x,
                                                                          double sigma) {
    at::Tensor estimate = denoise(x, sigma);
    evaluator.keep(sigma, x, estimate);
    return estimate;
  };
}

samplers::Denoiser TracedModel::condition(const ContextBatch& context) const {
  return condition_by(0, context);
}

samplers::Denoiser TracedModel::condition_by(int64_t network, const ContextBatch& context) const {
  return recorded(model_->condition_by(network, context), {network, networks(), record_});
}

Result<std::shared_ptr<const ModelCopy>> TracedModel::copy(const std::string& kind) const {
  SKIPCAST_TRY(const std::shared_ptr<const ModelCopy> copy, model_->copy(kind));
  return std::make_shared<const ModelCopy>(ModelCopy{
      copy->info,
      [copy, record = record_](const ContextBatch& context, const RetrievedBatch* retrieved) {
        return recorded(copy->condition(context, retrieved), {.record = record});
      }});
}

samplers::MomentDenoiser TracedModel::condition_moments(const ContextBatch& context) const {
  samplers::MomentDenoiser moments = model_->condition_moments(context);
  if (!moments) return {};
  return [moments = std::move(moments), record = record_](const at::Tensor& x, double sigma) {
    samplers::Moments estimate = moments(x, sigma);
    Evaluator{.record = record}.keep(sigma, x, estimate.mean);
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
