#include "engine/methods/moment_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <vector>

#include "engine/models/model_file.h"
#include "engine/networks/attachments.h"
#include "engine/networks/moment_heads.h"
#include "engine/training/batches.h"
#include "engine/training/training_job.h"

namespace skipcast::engine {
namespace {

using Clock = std::chrono::steady_clock;

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

// A training run of the heads: built once, then run() until the budget is spent.
class HeadsRun {
 public:
  HeadsRun(const storage::SeriesStore& store, const MomentsRequest& request, StoredModel stored)
      : store_(store), request_(request), stored_(std::move(stored)) {}

  Status build();
  Result<MomentsReport> run();

 private:
  ModelParts& parts() { return stored_.parts; }
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  double fraction() const;
  Status train_one_step();
  void score(MomentsReport& report);

  const storage::SeriesStore& store_;
  const MomentsRequest& request_;
  StoredModel stored_;
  std::unique_ptr<Dataset> dataset_;
  std::unique_ptr<BatchSource> batches_, held_out_;
  std::unique_ptr<FlatParameters> heads_;
  std::unique_ptr<AdamW> optimiser_;
  int64_t step_ = 0;
  double loss_ = 0;  // smoothed
  Clock::time_point start_ = Clock::now();
};

Status HeadsRun::build() {
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
  for (auto& parameter : network.attachment(kMomentHeads)->parameters())
    parameter.set_requires_grad(true);
  heads_ = std::make_unique<FlatParameters>(*network.attachment(kMomentHeads));
  optimiser_ = std::make_unique<AdamW>(*heads_);
  return {};
}

double HeadsRun::fraction() const {
  const TrainingBudget budget = {request_.minutes, kMinutes, request_.steps_max, kStepsMax};
  return budget.fraction(step_, seconds());
}

Status HeadsRun::train_one_step() {
  const TrainingOptions& t = parts().task.training;
  heads_->gradients.zero_();
  const at::AutoGradMode with_gradients(true);  // whatever the caller's thread is set to
  const Residuals batch = residuals(*parts().network, batches_->batch(step_), parts().task, step_);
  const at::Tensor& v = batch.said.variance;
  const at::Tensor loss = variance_loss(batch.r, v, batch.mask) +
                          skewness_loss(cubes(batch.r, v), batch.said.skewness, batch.mask);
  loss.backward();
  batches_->fetch_ahead(step_ + 1);  // while the device is at this one
  const double value = loss.item<double>();
  if (!std::isfinite(value)) {
    return bad_input(
        fmt::format("task {}: the moment heads' loss is not finite at step {}; the "
                    "model is as it was",
                    parts().task.name, step_));
  }
  clip_gradient(*heads_, t.gradient_clip);
  const double rate = kLearningRate * learning_rate_factor(t, step_, fraction());
  optimiser_->update(*heads_, rate, t.weight_decay, step_ + 1);
  loss_ = step_ == 0 ? value : loss_ + 0.02 * (value - loss_);
  ++step_;
  return {};
}

void HeadsRun::score(MomentsReport& report) {
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
  report.loss = loss(v, at::cat(skewness));
  report.loss_constant = loss(masked_mean(all.square(), observed), masked_mean(z3, observed));
}

Result<MomentsReport> HeadsRun::run() {
  while (fraction() < 1) {
    SKIPCAST_TRY_OK(train_one_step());
    const ProgressStep done{std::min(1.0, fraction()), "moments",
                            fmt::format("step {}, loss {:.4f}", step_, loss_)};
    if (!tell(request_.progress, done)) {
      return Status(Code::kInterrupted, "stopped; the model is as it was");
    }
  }
  MomentsReport report = {.steps = step_, .seconds = seconds()};
  for (const auto& parameter : parts().network->attachment(kMomentHeads)->parameters()) {
    report.parameters += parameter.numel();
  }
  score(report);
  report.model_path = model_paths(store_, parts().task.name).weights;
  SKIPCAST_TRY_OK(save_model(store_, parts(), stored_.note));
  return report;
}

}  // namespace

Result<MomentsReport> train_moments(const storage::SeriesStore& store,
                                    const MomentsRequest& request) {
  SKIPCAST_TRY(StoredModel stored, read_model(store, request.task));
  const std::string task = stored.parts.task.name;
  return training_job(task, request.threads, "; lower \"batch\"", [&]() -> Result<MomentsReport> {
    HeadsRun run(store, request, std::move(stored));
    SKIPCAST_TRY_OK(run.build());
    return run.run();
  });
}

}  // namespace skipcast::engine
