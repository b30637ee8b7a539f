// One-step copies: a member in one evaluation (or two, the second after new noise), trained on
// proper scores of small ensembles, in the manner of FGN (Alet et al. 2025), from pure noise and
// from noised analogs in turn. For a quarter of the windows retrieval is dropped, so that one
// network serves with and without it.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "engine/methods/copy_fit.h"
#include "engine/methods/method_table.h"
#include "engine/networks/denoisers.h"
#include "engine/scores/proper_scores.h"
#include "samplers/noise.h"

namespace skipcast::engine {
namespace {

// NoiseKey::query of each purpose, beside those of analog_batches.cc.
constexpr int64_t kLevel = -12, kEntry = -13, kSecond = -14, kPartners = -15;

constexpr double kEntryLow = 0.5, kEntryHigh = 20;   // sigma of entries from analogs
constexpr double kSecondLow = 0.2, kSecondHigh = 2;  // and of the second evaluation
constexpr double kEnergyWeight = 1, kTextureWeight = 0.5;
constexpr double kEntrySigma = 3;  // of analog starts that are validated

// How the ensembles that are scored are made.
struct OneStepPass {
  int64_t step = 0;
  int64_t evaluations = 1;            // 1 or 2
  bool cold = true;                   // from noise at sigma_max, else from noised analogs
  std::optional<double> entry_sigma;  // none: a draw between 0.5 and 20 for each window
};
struct OneStepLoss {
  at::Tensor total, crps;  // the latter a part of it: fair, in normalised units
};

double between(double low, double high, double share) { return low * std::pow(high / low, share); }

at::Tensor noise_for(const at::Tensor& like, const Task& task, int64_t purpose, int64_t step) {
  std::vector<int64_t> rows(static_cast<size_t>(like.size(0)));
  std::iota(rows.begin(), rows.end(), 0);
  return samplers::gaussian(task.training.seed, purpose, rows, step,
                            {like.sizes().slice(1), like.device()});
}

// Every place's partner: a permutation keyed by the step.
at::Tensor partners_at(const Task& task, int64_t places, int64_t step) {
  std::vector<int64_t> order(static_cast<size_t>(places));
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = order.size(); i > 1; --i) {
    const samplers::NoiseKey key = {task.training.seed, kPartners, static_cast<int64_t>(i), step};
    std::swap(order[i - 1], order[samplers::uniform_index(key, i)]);
  }
  return at::tensor(order, at::kLong);
}

OneStepLoss one_step_loss(Network& network, const FineTuningBatch& batch, const Task& task,
                          const TargetSpace& target, const OneStepPass& pass) {
  const at::Tensor& y = batch.training.target;
  const int64_t windows = y.size(0), members = kOneStepMembers, rows = windows * members;
  std::vector<at::Tensor> conditioning = conditioning_of(network, batch);
  for (at::Tensor& part : conditioning) part = part.repeat_interleave(members, 0);

  std::vector<float> entry, second;
  for (int64_t row = 0; row < windows; ++row) {
    const double drawn = between(kEntryLow, kEntryHigh, uniform_draw(task, kLevel, row, pass.step));
    const double analog = pass.entry_sigma.value_or(drawn);
    entry.push_back(static_cast<float>(pass.cold ? task.schedule.sigma_max : analog));
    const double again =
        between(kSecondLow, kSecondHigh, uniform_draw(task, kSecond, row, pass.step));
    second.push_back(static_cast<float>(std::min(again, entry.back() / 2.0)));
  }
  const auto by_row = [&](const std::vector<float>& of_windows) {
    return at::tensor(of_windows).to(y.device()).repeat_interleave(members, 0);
  };
  std::vector<int64_t> shape = y.sizes().vec();
  shape[0] = rows;
  const at::Tensor clean = pass.cold ? at::zeros(shape, y.options()) : batch.starts.flatten(0, 1);
  at::Tensor sigma = by_row(entry);
  at::Tensor x = clean + sigma.view({-1, 1, 1, 1}) * noise_for(clean, task, kEntry, pass.step);
  x = denoised(network, x, sigma, conditioning, task.sigma_data);
  if (pass.evaluations == 2) {
    sigma = by_row(second);
    x = x + sigma.view({-1, 1, 1, 1}) * noise_for(x, task, kSecond, pass.step);
    x = denoised(network, x, sigma, conditioning, task.sigma_data);
  }

  // Normalised units; the last observation's part cancels.
  const at::Tensor made = (x * target.scale).view({windows, members, y.size(1), y.size(2), -1});
  const at::Tensor truth = y * target.scale, mask = batch.training.mask;
  const at::Tensor crps = crps_loss(made, truth, mask);
  const at::Tensor partners = partners_at(task, y.size(3), pass.step).to(y.device());
  return {crps + kEnergyWeight * energy_loss(made, truth, mask) +
              kTextureWeight * texture_loss(made, truth, mask, partners),
          crps};
}

class OneStep : public Method {
 public:
  OneStep(const storage::SeriesStore& store, const TrainRequest& request)
      : request_(request), copy_(store, request, kOneStepCopy, request.evaluations) {}

  Result<TrainingOrigin> open() override {
    if (request_.evaluations < 1 || request_.evaluations > 2) {
      return usage(fmt::format("a one-step model makes a member in 1 or 2 evaluations, not {}",
                               request_.evaluations));
    }
    return copy_.open();
  }

  Status prepare(const TrainingState*) override { return copy_.prepare(); }
  Result<TrainingStage> begin(int64_t) override { return copy_.stage(); }

  // Cold and analog starts in turn; with two evaluations, one and two in turn.
  at::Tensor loss(int64_t step) override {
    const FineTuningBatch batch = copy_.batch(step);
    const DropoutGuard dropping(copy_.network(), copy_.task(), step);
    const OneStepPass pass = {.step = step,
                              .evaluations = 1 + step / 2 % request_.evaluations,
                              .cold = step % 2 == 0 || !batch.starts.defined()};
    return one_step_loss(copy_.network(), batch, copy_.task(), copy_.target(), pass).total;
  }

  // By all that it will be asked for: with retrieved futures from analogs, without them from noise.
  // From analogs alone it is best so early that nothing has been learned of noise.
  Validation validate() override {
    const double cold = held_out(true, false, 1).loss;
    const double score = request_.retrieval ? (cold + held_out(false, true, 1).loss) / 2 : cold;
    return {.score = score, .shown = score};
  }

  Status finish(TrainReport& report) override {
    std::vector<CopyScore> scores = {
        {"cold", held_out(true, true, kFinalPasses), held_out(true, false, kFinalPasses)}};
    if (request_.retrieval) {
      scores.push_back(
          {"analog", held_out(false, true, kFinalPasses), held_out(false, false, kFinalPasses)});
    }
    return copy_.finish(scores, report);
  }

 private:
  HeldOutLoss held_out(bool cold, bool with_retrieval, int64_t passes) {
    return copy_.held_out(with_retrieval, passes, [&](const FineTuningBatch& batch, int64_t step) {
      const OneStepPass pass = {.step = step,
                                .evaluations = request_.evaluations,
                                .cold = cold,
                                .entry_sigma = kEntrySigma};
      const OneStepLoss loss =
          one_step_loss(copy_.average(), batch, copy_.task(), copy_.target(), pass);
      return HeldOutLoss{loss.total.item<double>(), loss.crps.item<double>()};
    });
  }

  const TrainRequest& request_;
  CopyFit copy_;
};

}  // namespace

MethodInfo one_step_method() {
  return {.name = "one-step",
          .verb = "distill",
          .subject = "one-step model",
          .help = "makes a member in one evaluation; 10 minutes unless said otherwise",
          .make = make_method<OneStep>};
}

}  // namespace skipcast::engine
