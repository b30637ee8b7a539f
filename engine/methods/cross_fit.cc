// Training the folds (engine/data/folds.h) of the model that a task has, with its options, and
// adding them to it: forecasts from cold starts stay as they are; to copies, metric and policies it
// is another model. The minutes (of the task unless given) are shared by the folds, the steps are
// each one's. The model's file is written when the last fold has ended.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "engine/data/folds.h"
#include "engine/methods/method_table.h"
#include "engine/methods/network_fit.h"

namespace skipcast::engine {
namespace {

class CrossFitMethod : public Method {
 public:
  CrossFitMethod(const storage::SeriesStore& store, const TrainRequest& request)
      : store_(store), request_(request) {}

  Result<TrainingOrigin> open() override {
    SKIPCAST_TRY(stored_, read_model(store_, request_.task));
    stored_.parts.folds.clear();
    const Task& task = stored_.parts.task;
    return TrainingOrigin{.task = task,
                          .split = stored_.parts.split,
                          .base = stored_.fingerprint,
                          .checkpoint = checkpoint_path(store_, task.name, "cross-fit"),
                          .if_diverged = "lower \"learning_rate\" and train again"};
  }

  Status prepare(const TrainingState*) override { return {}; }
  bool has_stage(int64_t stage) const override { return stage < kFolds; }

  Result<TrainingStage> begin(int64_t fold) override {
    ModelParts parts{.task = stored_.parts.task,
                     .split = stored_.parts.split,
                     .normalizer = stored_.parts.normalizer,
                     .target = stored_.parts.target};
    set_budget(request_, kFolds, parts.task.training);
    fit_.reset();  // one data set at a time
    SKIPCAST_TRY(fit_, NetworkFit::make(store_, std::move(parts), request_.compute, fold));
    TrainingStage stage = fit_->stage();
    stage.label = fmt::format("fold {} of {}", fold + 1, kFolds);
    return stage;
  }

  at::Tensor loss(int64_t step) override { return fit_->loss(step); }
  void fetch_ahead(int64_t step) override { fit_->fetch_ahead(step); }
  Validation validate() override { return fit_->validate(); }

  Status end(int64_t) override {
    stored_.parts.folds.push_back(fit_->parts().network);
    stored_.parts.folds.back()->to(at::kCPU);
    return {};
  }

  Status finish(TrainReport& report) override {
    SKIPCAST_TRY_OK(save_model(store_, stored_.parts, stored_.note));
    report.model_path = model_paths(store_, stored_.parts.task.name).weights;
    const nlohmann::json figures = {{"model", report.model_path},
                                    {"validation_crps_normalised", report.validation_crps}};
    report.figures = figures.dump();
    report.lines = {
        fmt::format(
            "model     {} (fair CRPS of the folds on validation {:.4f} in normalised units)",
            report.model_path, report.validation_crps),
        "note      to earlier copies, metrics and policies this is another model: train and tune "
        "them again"};
    return {};
  }

 private:
  const storage::SeriesStore& store_;
  const TrainRequest& request_;
  StoredModel stored_;
  std::unique_ptr<NetworkFit> fit_;
};

}  // namespace

MethodInfo cross_fit_method() {
  return {.name = "cross-fit",
          .verb = "train",
          .subject = "folds",
          .help =
              "two more networks, each trained on half of the training part, by which keys and "
              "residuals of past windows are honest; as many minutes as the network's own",
          .make = make_method<CrossFitMethod>};
}

}  // namespace skipcast::engine
