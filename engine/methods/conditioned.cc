// Conditioned copies: the chain's denoiser, which also sees what happened after similar situations.
// Trained on the denoising loss; for a quarter of the windows retrieval is dropped, so that one
// network serves with and without it.
#include <ATen/ATen.h>

#include "engine/methods/copy_fit.h"
#include "engine/methods/method_table.h"

namespace skipcast::engine {
namespace {

// The denoising loss of `batch` (engine/training/batches.h) with what was retrieved.
at::Tensor conditioned_loss(Network& network, const FineTuningBatch& batch, const Task& task,
                            int64_t step) {
  std::vector<at::Tensor> conditioning = conditioning_of(network, batch);
  for (at::Tensor& part : conditioning) {
    part = part.repeat_interleave(task.training.sigma_draws, 0);
  }
  const NoisedBatch noisy = noised(batch.training, task, step);
  const at::Tensor f = network.denoise(noisy.input, noisy.c_noise, conditioning);
  return masked_mean((f - noisy.wanted).square(), noisy.mask);
}

class Conditioned : public Method {
 public:
  Conditioned(const storage::SeriesStore& store, const TrainRequest& request)
      : request_(request), copy_(store, request, kConditionedCopy, 1) {}

  Result<TrainingOrigin> open() override {
    if (!request_.retrieval) {
      return usage("a network conditioned on no retrieved futures is the network itself");
    }
    return copy_.open();
  }

  Status prepare(const TrainingState*) override { return copy_.prepare(); }
  Result<TrainingStage> begin(int64_t) override { return copy_.stage(); }

  at::Tensor loss(int64_t step) override {
    const FineTuningBatch batch = copy_.batch(step);
    const DropoutGuard dropping(copy_.network(), copy_.task(), step);
    return conditioned_loss(copy_.network(), batch, copy_.task(), step);
  }

  Validation validate() override {
    const double score = held_out(true, 1).loss;
    return {.score = score, .shown = score};
  }

  Status finish(TrainReport& report) override {
    return copy_.finish({{"chain", held_out(true, kFinalPasses), held_out(false, kFinalPasses)}},
                        report);
  }

 private:
  HeldOutLoss held_out(bool with_retrieval, int64_t passes) {
    return copy_.held_out(with_retrieval, passes, [&](const FineTuningBatch& batch, int64_t step) {
      return HeldOutLoss{
          conditioned_loss(copy_.average(), batch, copy_.task(), step).item<double>(), 0};
    });
  }

  const TrainRequest& request_;
  CopyFit copy_;
};

}  // namespace

MethodInfo conditioned_method() {
  return {.name = "conditioned",
          .verb = "adapt",
          .subject = "conditioned network",
          .help =
              "also sees what happened after similar situations; 10 minutes unless said "
              "otherwise",
          .make = make_method<Conditioned>};
}

}  // namespace skipcast::engine
