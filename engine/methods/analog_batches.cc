#include "engine/methods/analog_batches.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/networks/attachments.h"
#include "engine/networks/denoisers.h"
#include "engine/networks/retrieval_attention.h"
#include "engine/scores/proper_scores.h"
#include "samplers/noise.h"

namespace skipcast::engine {
namespace {

// NoiseKey::query of each purpose, beside those of training_step.cc.
constexpr int64_t kDropRetrieval = -11, kLevel = -12, kEntry = -13, kSecond = -14, kPartners = -15;

constexpr uint64_t kFine = uint64_t{1} << 40;
constexpr double kDropped = 0.25;
constexpr double kEntryLow = 0.5, kEntryHigh = 20;   // sigma of entries from analogs
constexpr double kSecondLow = 0.2, kSecondHigh = 2;  // and of the second evaluation
constexpr double kEnergyWeight = 1, kTextureWeight = 0.5;

double uniform(const Task& task, int64_t purpose, int64_t row, int64_t step) {
  const samplers::NoiseKey key = {task.training.seed, purpose, row, step};
  return (static_cast<double>(samplers::uniform_index(key, kFine)) + 0.5) /
         static_cast<double>(kFine);
}

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

RetrievedBatch nearest(const RetrievedBatch& all, int64_t count) {
  return {all.futures.narrow(1, 0, count), all.mismatch.narrow(1, 0, count),
          all.facts.narrow(1, 0, count), all.weight};
}

}  // namespace

FineTuningSource::FineTuningSource(const Dataset& dataset, const TargetSpace& target,
                                   const AnalogTable* analogs, const CopyInfo& info,
                                   std::vector<int64_t> origins)
    : dataset_(dataset),
      target_(target),
      analogs_(analogs),
      info_(info),
      batches_(dataset, target, analogs != nullptr ? analogs->origins() : std::move(origins)) {}

at::Tensor FineTuningSource::starts(const RetrievedBatch& analogs, const at::Tensor& last,
                                    int64_t step) const {
  // (future - damping * theirs) / scale + (1 - damping) (ours - theirs) / scale.
  const at::Tensor theirs = analogs.mismatch.select(2, analogs.mismatch.size(2) - 1).unsqueeze(2);
  const at::Tensor moved = analogs.futures - theirs * ((1 - target_.damping) / target_.scale);
  std::vector<int64_t> assigned;
  for (int64_t m = 0; m < kOneStepMembers; ++m) {
    assigned.push_back((m * kAnalogPool / kOneStepMembers + step) % kAnalogPool);
  }
  const at::Tensor some = moved.index_select(1, at::tensor(assigned).to(moved.device()));
  const at::Tensor rows = some.flatten(0, 1), of_rows = last.repeat_interleave(kOneStepMembers, 0);
  const auto [low, high] = dataset_.range(of_rows);
  const at::Tensor kept =
      at::clamp(target_.from_target(rows, of_rows), low.unsqueeze(1), high.unsqueeze(1));
  return target_.to_target(kept, of_rows).view(some.sizes());
}

FineTuningBatch FineTuningSource::batch(int64_t step, bool drop) {
  FineTuningBatch made = {batches_.batch(step), std::nullopt, {}};
  if (analogs_ == nullptr) return made;
  const std::vector<int64_t> origins = batches_.origins_at(step);
  std::vector<retrieval::Neighbour> analogs;
  for (const int64_t origin : origins) {
    const auto found = analogs_->of(origin, kAnalogPool);
    analogs.insert(analogs.end(), found.begin(), found.end());
  }
  const RetrievedBatch all =
      retrieved_batch(dataset_, target_, origins, analogs, info_.distance_scale);
  made.starts = starts(all, made.training.contexts.last, step);
  made.retrieved = nearest(all, info_.neighbours);
  if (!drop) return made;
  std::vector<float> weights;
  for (size_t row = 0; row < origins.size(); ++row) {
    const double drawn = uniform(dataset_.task(), kDropRetrieval, static_cast<int64_t>(row), step);
    weights.push_back(drawn < kDropped ? 0 : 1);
  }
  made.retrieved->weight = at::tensor(weights).to(made.retrieved->weight.device());
  return made;
}

std::vector<at::Tensor> conditioning_of(Network& network, const FineTuningBatch& batch) {
  std::vector<at::Tensor> encoded = network.encode(batch.training.contexts);
  if (!batch.retrieved) return encoded;
  return network.conditioned_by(kRetrievalAttention, encoded, of_retrieved(*batch.retrieved));
}

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

OneStepLoss one_step_loss(Network& network, const FineTuningBatch& batch, const Task& task,
                          const TargetSpace& target, const OneStepPass& pass) {
  const at::Tensor& y = batch.training.target;
  const int64_t windows = y.size(0), members = kOneStepMembers, rows = windows * members;
  std::vector<at::Tensor> conditioning = conditioning_of(network, batch);
  for (at::Tensor& part : conditioning) part = part.repeat_interleave(members, 0);

  std::vector<float> entry, second;
  for (int64_t row = 0; row < windows; ++row) {
    const double drawn = between(kEntryLow, kEntryHigh, uniform(task, kLevel, row, pass.step));
    const double analog = pass.entry_sigma.value_or(drawn);
    entry.push_back(static_cast<float>(pass.cold ? task.schedule.sigma_max : analog));
    const double again = between(kSecondLow, kSecondHigh, uniform(task, kSecond, row, pass.step));
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

}  // namespace skipcast::engine
