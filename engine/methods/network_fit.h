// A network that is trained from its first weights on some windows of the training part: what the
// methods `network` and `cross-fit` share. EDM loss (Karras et al. 2022, table 1), AdamW, cosine,
// average of the weights; validation by few-step ensemble scores. Internal to engine/methods.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/models/model_file.h"
#include "engine/training/batches.h"
#include "engine/training/method.h"

namespace skipcast::engine {

class NetworkFit {
 public:
  // `parts` without a network; its target space is fitted here unless `fold` says which of the
  // folds (folds.h) this network is. kBadInput when there are too few windows. `store` must outlive
  // it.
  static Result<std::unique_ptr<NetworkFit>> make(const storage::SeriesStore& store,
                                                  ModelParts parts, const Compute& compute,
                                                  std::optional<int64_t> fold);

  // Parameters, their average, optimiser and the task's options. Asked once.
  TrainingStage stage();
  at::Tensor loss(int64_t step);
  void fetch_ahead(int64_t step) { batches_->fetch_ahead(step); }
  Validation validate();
  const Dataset& dataset() const { return *dataset_; }
  const std::vector<int64_t>& validation_origins() const { return validation_origins_; }
  // parts().network is that of the average.
  const ModelParts& parts() const { return parts_; }

 private:
  NetworkFit(const storage::SeriesStore& store, ModelParts parts, const Compute& compute)
      : store_(store), compute_(compute), parts_(std::move(parts)) {}
  Status build(std::optional<int64_t> fold);

  const storage::SeriesStore& store_;
  const Compute compute_;
  ModelParts parts_;
  std::unique_ptr<Dataset> dataset_;
  std::shared_ptr<Network> network_;
  std::unique_ptr<BatchSource> batches_;
  std::vector<int64_t> validation_origins_;
  int64_t windows_at_once_ = 1;  // of a step (cost_model.h)
  double build_seconds_ = 0;
};

}  // namespace skipcast::engine
