// Training the moment heads of a task that is trained already: the network itself is frozen, so
// that its forecasts by the other solvers keep their bits. Heads belong to one set of weights;
// training the task anew drops them. Heads and network are written together as
// models/<task>.safetensors, durably, at the end.
#include "engine/networks/moment_heads.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "engine/methods/method_table.h"
#include "engine/models/model_file.h"
#include "engine/networks/attachments.h"
#include "engine/training/batches.h"

namespace skipcast::engine {
namespace {

constexpr double kMinutes = 4;
constexpr int64_t kStepsMax = 20000;
constexpr double kLearningRate = 2e-3;
constexpr int64_t kHeldOutBatches = 4;
// A mixture of weights 1/3 and 2/3 has a skewness of at most 0.71: rarer values need not be learnt,
// and their cubes would drown the rest.
constexpr double kRarest = 3;
constexpr double kCubesVariance = 15;  // of a normal value's cube

// What the heads say of a batch, and what they should have said.
struct Residuals {
  at::Tensor r, mask;  // [rows, T_out, V, P]
  ResidualMoments said;
};

Residuals residuals(Network& network, const TrainingBatch& batch, const Task& task, int64_t step) {
  std::vector<at::Tensor> conditioning = network.encode(batch.contexts);
  for (at::Tensor& part : conditioning) {
    part = part.repeat_interleave(task.training.sigma_draws, 0);
  }
  const NoisedBatch noisy = noised(batch, task, step);
  const Network::Outputs raw =
      network.denoise_with(kMomentHeads, noisy.input, noisy.c_noise, conditioning);
  // (y - D) / c_out, where D = c_skip x + c_out F.
  return {noisy.wanted - raw.f, noisy.mask, residual_moments(raw.read)};
}

// Least in the mean at v = E[r^2 | x], and of no scale.
at::Tensor variance_loss(const at::Tensor& r, const at::Tensor& v, const at::Tensor& mask) {
  return masked_mean(r.square() / v + v.log(), mask);
}

// z^3, whose mean given x is the skewness where v is the variance.
at::Tensor cubes(const at::Tensor& r, const at::Tensor& v) {
  const at::Tensor z = (r / v.detach().sqrt()).clamp(-kRarest, kRarest);
  return z * z * z;
}

at::Tensor skewness_loss(const at::Tensor& cubes, const at::Tensor& skewness,
                         const at::Tensor& mask) {
  return masked_mean((cubes - skewness).square() / kCubesVariance, mask);
}

class MomentHeadsMethod : public Method {
 public:
  MomentHeadsMethod(const storage::SeriesStore& store, const TrainRequest& request)
      : store_(store), request_(request) {}

  Result<TrainingOrigin> open() override;
  Status prepare(const TrainingState*) override;
  Result<TrainingStage> begin(int64_t) override;
  at::Tensor loss(int64_t step) override;
  void fetch_ahead(int64_t step) override { batches_->fetch_ahead(step); }
  Status finish(TrainReport& report) override;

 private:
  struct Score {
    double loss = 0;      // on validation windows: of the heads, and
    double constant = 0;  // of the best moments that are the same for every value and noise level
  };

  ModelParts& parts() { return stored_.parts; }
  Score score();

  const storage::SeriesStore& store_;
  const TrainRequest& request_;
  StoredModel stored_;
  std::unique_ptr<Dataset> dataset_;
  std::unique_ptr<BatchSource> batches_, held_out_;
};

Result<TrainingOrigin> MomentHeadsMethod::open() {
  SKIPCAST_TRY(stored_, read_model(store_, request_.task));
  const Task& task = parts().task;
  return TrainingOrigin{.task = task,
                        .split = parts().split,
                        .base = stored_.fingerprint,
                        .checkpoint = checkpoint_path(store_, task.name, request_.method),
                        .if_diverged = "the model is as it was"};
}

Status MomentHeadsMethod::prepare(const TrainingState*) {
  const Task& task = parts().task;
  SKIPCAST_TRY(dataset_,
               Dataset::load(store_, task, parts().normalizer, kDatasetBytesMax, request_.compute));
  const storage::TimeAxis& axis = store_.schema().axis;
  std::vector<int64_t> origins = part_origins(axis, task, parts().split, Part::kTrain);
  std::vector<int64_t> held_out = part_origins(axis, task, parts().split, Part::kValidation);
  if (origins.empty() || held_out.empty()) {
    return bad_input(
        fmt::format("task {}: the archive has no training or validation windows left", task.name));
  }
  batches_ = std::make_unique<BatchSource>(*dataset_, parts().target, std::move(origins));
  held_out_ = std::make_unique<BatchSource>(*dataset_, parts().target, std::move(held_out));
  Network& network = *parts().network;
  network.eval();
  if (Attachment* heads = network.attachment(kMomentHeads); heads != nullptr) {
    heads->initialise(task.training.seed);
  } else {
    network.attach(kMomentHeads, task.training.seed);
  }
  move_to(request_.compute, parts());
  for (auto& parameter : network.attachment(kMomentHeads)->parameters()) {
    parameter.set_requires_grad(true);
  }
  return {};
}

Result<TrainingStage> MomentHeadsMethod::begin(int64_t) {
  TrainingStage stage;
  stage.parameters = std::make_unique<FlatParameters>(*parts().network->attachment(kMomentHeads));
  stage.optimiser = std::make_unique<AdamW>(*stage.parameters);
  stage.options = parts().task.training;
  stage.options.minutes = kMinutes;
  stage.options.steps_max = kStepsMax;
  stage.options.learning_rate = kLearningRate;
  stage.options.validations = 0;
  set_budget(request_, 1, stage.options);
  stage.label = "moments";
  return stage;
}

at::Tensor MomentHeadsMethod::loss(int64_t step) {
  const Residuals batch = residuals(*parts().network, batches_->batch(step), parts().task, step);
  const at::Tensor& v = batch.said.variance;
  return variance_loss(batch.r, v, batch.mask) +
         skewness_loss(cubes(batch.r, v), batch.said.skewness, batch.mask);
}

MomentHeadsMethod::Score MomentHeadsMethod::score() {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> r, mask, variance, skewness;
  for (int64_t step = 0; step < kHeldOutBatches; ++step) {
    const Residuals batch = residuals(*parts().network, held_out_->batch(step), parts().task, step);
    r.push_back(batch.r);
    mask.push_back(batch.mask);
    variance.push_back(batch.said.variance);
    skewness.push_back(batch.said.skewness);
  }
  const at::Tensor all = at::cat(r), observed = at::cat(mask), v = at::cat(variance);
  const at::Tensor z3 = cubes(all, v);
  const auto loss = [&](const at::Tensor& second, const at::Tensor& skew) {
    return (variance_loss(all, second, observed) + skewness_loss(z3, skew, observed))
        .item<double>();
  };
  return {loss(v, at::cat(skewness)),
          loss(masked_mean(all.square(), observed), masked_mean(z3, observed))};
}

Status MomentHeadsMethod::finish(TrainReport& report) {
  const Score held_out = score();
  SKIPCAST_TRY_OK(save_model(store_, parts(), stored_.note));
  report.model_path = model_paths(store_, parts().task.name).weights;
  const nlohmann::json figures = {{"model", report.model_path},
                                  {"validation_loss", held_out.loss},
                                  {"validation_loss_constant", held_out.constant}};
  report.figures = figures.dump();
  report.lines = {
      fmt::format("model     {} (loss on validation {:.4f}; of constant moments {:.4f})",
                  report.model_path, held_out.loss, held_out.constant),
      "note      to earlier policies this is another model: run skipcast tune again"};
  return {};
}

}  // namespace

MethodInfo moment_heads_method() {
  return {.name = "moment-heads",
          .verb = "train",
          .subject = "moment heads",
          .help =
              "the heads that the solver gms needs, on the network as it is trained; 4 minutes "
              "unless said otherwise",
          .make = make_method<MomentHeadsMethod>};
}

}  // namespace skipcast::engine
