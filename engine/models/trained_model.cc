// The model that forecasts use: a stored model's parts, ready to be evaluated.
#include <ATen/ATen.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/data/folds.h"
#include "engine/models/model_file.h"
#include "engine/models/network_copy.h"
#include "engine/networks/attachments.h"
#include "engine/networks/denoisers.h"
#include "engine/networks/retrieval_attention.h"

namespace skipcast::engine {

const Compute& Model::compute() const {
  static const Compute on_cpu;
  return on_cpu;
}

Result<std::shared_ptr<const ModelCopy>> Model::copy(const std::string& kind) const {
  return Status(Code::kUnsupported, "this model has no copies, so no " + kind + " network");
}

namespace {

// Channels side by side, as GridNet runs on a GPU.
void lay_out_for_gpu(Network& network) {
  const at::NoGradGuard no_grad;
  for (auto& parameter : network.parameters()) {
    if (parameter.dim() != 4) continue;
    parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
  }
}

class TrainedModel : public Model {
 public:
  TrainedModel(const storage::SeriesStore& store, ModelParts parts, std::string fingerprint,
               const Compute& compute)
      : parts_(std::move(parts)), fingerprint_(std::move(fingerprint)) {
    const NetworkShape shape =
        shape_of(parts_.task, store.schema().places, parts_.normalizer, parts_.target);
    for (Network* network : networks_of(parts_)) network->eval();
    move_to(compute, parts_);
    if (compute.device.is_cuda()) {
      for (Network* network : networks_of(parts_)) lay_out_for_gpu(*network);
    }
    for (const auto& network : member_networks(parts_)) {
      runners_.push_back(std::make_shared<NetworkRunner>(network, compute));
    }
    for (const auto& fold : parts_.folds) {
      folds_.push_back(std::make_shared<NetworkRunner>(fold, compute));
    }
    home_ = copy_home(store, parts_.task, shape, fingerprint_);
  }

  const Compute& compute() const override { return runners_[0]->compute(); }

  int64_t networks() const override { return static_cast<int64_t>(runners_.size()); }
  samplers::Denoiser condition(const ContextBatch& context) const override {
    return condition_by(0, context);
  }
  samplers::Denoiser condition_by(int64_t network, const ContextBatch& context) const override {
    const at::NoGradGuard no_grad;
    SKIPCAST_CHECK(context.values.size(0) == 1);
    const auto& runner = runners_[static_cast<size_t>(network)];
    return make_denoiser(runner, runner->encode(context), parts_.task.sigma_data);
  }

  samplers::TensorDenoiser differentiable(const ContextBatch& context) const override {
    const at::NoGradGuard no_grad;
    return make_tensor_denoiser(parts_.network, parts_.network->encode(context),
                                parts_.task.sigma_data);
  }
  samplers::MomentDenoiser condition_moments(const ContextBatch& context) const override {
    const at::NoGradGuard no_grad;
    if (!can(kMomentHeads)) return {};
    SKIPCAST_CHECK(context.values.size(0) == 1);
    return make_moment_denoiser(runners_[0], runners_[0]->encode(context), parts_.task.sigma_data);
  }
  bool can(std::string_view ability) const override {
    if (ability == kGradients) return true;
    if (ability == kCrossFitted) return !folds_.empty();
    return parts_.network->attachment(ability) != nullptr;
  }

  Result<std::shared_ptr<const ModelCopy>> copy(const std::string& kind) const override {
    const CopyKind& wanted = copy_kind(kind);
    const std::lock_guard lock(copies_mutex_);  // while it is read, too: once is enough
    const auto found = copies_.find(wanted.name);
    if (found != copies_.end()) return found->second;
    return copies_.emplace(wanted.name, load_copy(wanted)).first->second;
  }

  at::Tensor mean_forecast(const ContextBatch& contexts) const override {
    at::Tensor mean = mean_by(runners_[0], contexts);
    for (size_t i = 1; i < runners_.size(); ++i) mean = mean + mean_by(runners_[i], contexts);
    return runners_.size() == 1 ? mean : mean / double(runners_.size());
  }

  at::Tensor past_means(const ContextBatch& contexts,
                        std::span<const int64_t> origins) const override {
    const at::NoGradGuard no_grad;
    if (folds_.empty()) return mean_forecast(contexts);
    at::Tensor all;
    for (int64_t fold = -1; fold < kFolds; ++fold) {
      std::vector<int64_t> rows;
      for (size_t i = 0; i < origins.size(); ++i) {
        if (fold_of(parts_.task, parts_.split, origins[i]) == fold) {
          rows.push_back(static_cast<int64_t>(i));
        }
      }
      if (rows.empty()) continue;
      // Of the whole batch, though few rows are kept where folds meet: encodings of a few windows
      // have last digits that depend on how many there are, and on the threads.
      const at::Tensor means =
          fold < 0 ? mean_forecast(contexts) : mean_by(folds_[static_cast<size_t>(fold)], contexts);
      if (!all.defined()) {
        all = means;
      } else {
        const at::Tensor index = at::tensor(rows).to(means.device());
        all.index_copy_(0, index, means.index_select(0, index));
      }
    }
    return all;
  }

  at::Tensor to_target(const at::Tensor& normalised, const at::Tensor& last) const override {
    return parts_.target.to_target(normalised, last);
  }
  at::Tensor from_target(const at::Tensor& target, const at::Tensor& last) const override {
    return parts_.target.from_target(target, last);
  }

  std::vector<int64_t> state_shape() const override { return parts_.target.scale.sizes().vec(); }
  const TargetSpace* target_space() const override { return &parts_.target; }

  const Task& task() const override { return parts_.task; }
  const Split& split() const override { return parts_.split; }
  const retrieval::Normalizer& normalizer() const override { return parts_.normalizer; }
  std::string fingerprint() const override { return fingerprint_; }
  int64_t parameters() const override { return networks() * parts_.network->parameter_count(); }

 private:
  at::Tensor mean_by(const std::shared_ptr<const NetworkRunner>& runner,
                     const ContextBatch& contexts) const {
    const at::NoGradGuard no_grad;
    const Task& task = parts_.task;
    const samplers::Denoiser denoise =
        make_denoiser(runner, runner->encode(contexts), task.sigma_data);
    std::vector<int64_t> shape = state_shape();
    shape.insert(shape.begin(), contexts.values.size(0));
    const at::Tensor zero = at::zeros(shape, contexts.last.options());
    return from_target(denoise(zero, task.schedule.sigma_max), contexts.last);
  }

  Result<std::shared_ptr<const ModelCopy>> load_copy(const CopyKind& kind) const {
    SKIPCAST_TRY(StoredCopy stored, read_copy(home_, kind));
    stored.network->to(compute().device);
    if (compute().device.is_cuda()) lay_out_for_gpu(*stored.network);
    const auto runner = std::make_shared<const NetworkRunner>(stored.network, compute());
    return std::make_shared<const ModelCopy>(ModelCopy{
        stored.info, [runner, data = parts_.task.sigma_data](const ContextBatch& context,
                                                             const RetrievedBatch* retrieved) {
          const at::NoGradGuard no_grad;
          SKIPCAST_CHECK(context.values.size(0) == 1);
          std::vector<at::Tensor> encoded = runner->encode(context);
          if (retrieved != nullptr) {
            encoded =
                runner->conditioned_by(kRetrievalAttention, encoded, of_retrieved(*retrieved));
          }
          return make_denoiser(runner, std::move(encoded), data);
        }});
  }

  ModelParts parts_;
  std::string fingerprint_;
  std::vector<std::shared_ptr<const NetworkRunner>> runners_;  // of the members
  std::vector<std::shared_ptr<const NetworkRunner>> folds_;
  CopyHome home_;
  mutable std::mutex copies_mutex_;
  // By kind; guarded by copies_mutex_, entries are never replaced.
  mutable std::map<std::string, Result<std::shared_ptr<const ModelCopy>>> copies_;
};

}  // namespace

Result<std::shared_ptr<const Model>> Model::load(const storage::SeriesStore& store,
                                                 const std::string& task_name,
                                                 const Compute& compute) {
  SKIPCAST_TRY(StoredModel stored, read_model(store, task_name));
  return std::shared_ptr<const Model>(std::make_shared<TrainedModel>(
      store, std::move(stored.parts), std::move(stored.fingerprint), compute));
}

}  // namespace skipcast::engine
