#include "engine/training/batches.h"

#include <algorithm>
#include <numbers>
#include <numeric>
#include <utility>

#include "samplers/noise.h"
#include "samplers/precondition.h"

namespace skipcast::engine {
namespace {

// NoiseKey::query of each purpose: negative, so that no origin's time can coincide.
constexpr int64_t kShuffle = -2, kSigma = -3, kNoise = -4, kContextNoise = -5, kDropout = -6;

constexpr double kBelow = 4, kAbove = 2;  // training reaches this much beyond the schedule's sigmas

std::vector<int64_t> numbers(int64_t count) {
  std::vector<int64_t> values(static_cast<size_t>(count));
  std::iota(values.begin(), values.end(), 0);
  return values;
}

// Fisher-Yates, keyed by (seed, purpose, step).
template <typename T>
void shuffle(std::vector<T>& values, samplers::NoiseKey key) {
  for (size_t i = values.size(); i > 1; --i) {
    key.member = static_cast<int64_t>(i);
    std::swap(values[i - 1], values[samplers::uniform_index(key, i)]);
  }
}

// ln sigma normal, stratified: one draw from each of `count` equally likely ranges, shuffled.
at::Tensor draw_sigmas(const Task& task, int64_t count, int64_t step) {
  const TrainingOptions& options = task.training;
  constexpr uint64_t kFine = uint64_t{1} << 40;
  std::vector<double> shares(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t drawn = samplers::uniform_index({options.seed, kSigma, i, step}, kFine);
    const double within = (static_cast<double>(drawn) + 0.5) / static_cast<double>(kFine);
    shares[static_cast<size_t>(i)] = (static_cast<double>(i) + within) / static_cast<double>(count);
  }
  shuffle(shares, {options.seed, kShuffle, 0, step});
  const at::Tensor share = at::from_blob(shares.data(), {count}, at::kDouble);
  const at::Tensor normal = at::erfinv(2 * share - 1) * std::numbers::sqrt2;
  const at::Tensor sigma = (options.sigma_log_mean + options.sigma_log_std * normal).exp();
  return sigma.clamp(task.schedule.sigma_min / kBelow, task.schedule.sigma_max * kAbove);
}

at::Tensor noise_like(const at::Tensor& x, uint64_t seed, int64_t purpose, int64_t step) {
  return samplers::gaussian(seed, purpose, numbers(x.size(0)), step,
                            {x.sizes().slice(1), x.device()});
}

}  // namespace

BatchSource::BatchSource(const Dataset& dataset, const TargetSpace& target,
                         std::vector<int64_t> origins)
    : dataset_(dataset),
      target_(target),
      origins_(std::move(origins)),
      areas_(area_weights(dataset)) {
  SKIPCAST_CHECK(!origins_.empty());
}

std::vector<int64_t> BatchSource::origins_at(int64_t step) {
  const TrainingOptions& options = dataset_.task().training;
  const int64_t count = static_cast<int64_t>(origins_.size());
  std::vector<int64_t> drawn;
  for (int64_t i = 0; i < options.batch; ++i) {
    const int64_t position = step * options.batch + i, epoch = position / count;
    if (epoch != epoch_) {
      order_ = origins_;
      shuffle(order_, {options.seed, kShuffle, 0, -1 - epoch});
      epoch_ = epoch;
    }
    drawn.push_back(order_[static_cast<size_t>(position % count)]);
  }
  return drawn;
}

TrainingBatch BatchSource::batch(int64_t step) {
  const std::optional<TrainingBatch> ahead = std::exchange(ahead_, std::nullopt);
  return ahead && ahead_step_ == step ? *ahead : made(step);
}

void BatchSource::fetch_ahead(int64_t step) {
  if (dataset_.device().is_cpu()) return;
  ahead_ = made(step);
  ahead_step_ = step;
}

TrainingBatch BatchSource::made(int64_t step) {
  const TrainingOptions& options = dataset_.task().training;
  const std::vector<int64_t> origins = origins_at(step);
  TrainingBatch batch;
  batch.contexts = dataset_.contexts(origins);
  const FutureBatch futures = dataset_.futures(origins);
  batch.mask = futures.mask;
  batch.target = target_.to_target(futures.values, batch.contexts.last) * futures.mask;
  if (areas_.defined()) batch.mask = batch.mask * areas_;
  if (options.context_noise > 0) {
    at::Tensor& values = batch.contexts.values;
    values = values + options.context_noise * noise_like(values, options.seed, kContextNoise, step);
  }
  return batch;
}

NoisedBatch noised(const TrainingBatch& batch, const Task& task, int64_t step) {
  const TrainingOptions& options = task.training;
  const int64_t draws = options.sigma_draws, rows = batch.target.size(0) * draws;
  const at::Tensor y = batch.target.repeat_interleave(draws, 0);
  const at::Tensor levels = draw_sigmas(task, rows, step);
  const at::Tensor sigma = levels.to(y.options()).view({rows, 1, 1, 1});
  const at::Tensor x = y + sigma * noise_like(y, options.seed, kNoise, step);
  const samplers::TensorScalings scalings(sigma, task.sigma_data);
  return {.input = scalings.input(x),
          .c_noise = samplers::edm_level(levels).to(y.options()),
          .wanted = scalings.wanted(y, x),
          .mask = batch.mask.repeat_interleave(draws, 0)};
}

namespace {

at::Tensor row_means(const at::Tensor& values, const at::Tensor& mask) {
  const at::Tensor sums = (values * mask).sum({1, 2, 3});
  return sums / mask.sum({1, 2, 3}).clamp_min(1);
}

}  // namespace

at::Tensor masked_mean(const at::Tensor& values, const at::Tensor& mask) {
  return row_means(values, mask).mean();
}

DropoutGuard::DropoutGuard(Network& network, const Task& task, int64_t step, int64_t part)
    : network_(network) {
  const samplers::NoiseKey key = {task.training.seed, kDropout, part, step};
  network.dropout_source().start(samplers::uniform_index(key, uint64_t{1} << 62));
}

namespace {

// Squared errors, the mean over each row's observed values: [rows].
at::Tensor row_losses(Network& network, const ContextBatch& contexts, const NoisedBatch& noisy,
                      int64_t draws) {
  std::vector<at::Tensor> conditioning = network.encode(contexts);
  for (at::Tensor& part : conditioning) part = part.repeat_interleave(draws, 0);
  const at::Tensor f = network.denoise(noisy.input, noisy.c_noise, conditioning);
  return row_means((f - noisy.wanted).square(), noisy.mask);
}

ContextBatch part_of(const ContextBatch& all, int64_t first, int64_t count) {
  ContextBatch part = all;
  for (at::Tensor* tensor : {&part.values, &part.mask, &part.calendar, &part.base, &part.last}) {
    *tensor = tensor->narrow(0, first, count);
  }
  return part;
}

NoisedBatch part_of(const NoisedBatch& all, int64_t first, int64_t count) {
  NoisedBatch part = all;
  for (at::Tensor* tensor : {&part.input, &part.c_noise, &part.wanted, &part.mask}) {
    *tensor = tensor->narrow(0, first, count);
  }
  return part;
}

}  // namespace

at::Tensor edm_loss(Network& network, const TrainingBatch& batch, const Task& task, int64_t step) {
  const DropoutGuard dropping(network, task, step);
  const NoisedBatch noisy = noised(batch, task, step);
  return row_losses(network, batch.contexts, noisy, task.training.sigma_draws).mean();
}

at::Tensor edm_loss_in_parts(Network& network, const TrainingBatch& batch, const Task& task,
                             int64_t step, int64_t windows_at_once) {
  const int64_t windows = batch.target.size(0), draws = task.training.sigma_draws;
  if (windows_at_once >= windows) return edm_loss(network, batch, task, step);
  const NoisedBatch noisy = noised(batch, task, step);
  at::Tensor before;  // of the parts that are done
  for (int64_t first = 0;; first += windows_at_once) {
    const int64_t count = std::min(windows_at_once, windows - first);
    const DropoutGuard dropping(network, task, step, first / windows_at_once);
    const at::Tensor loss = row_losses(network, part_of(batch.contexts, first, count),
                                       part_of(noisy, first * draws, count * draws), draws)
                                .sum() /
                            static_cast<double>(windows * draws);
    if (first + count == windows) return before.defined() ? loss + before : loss;
    loss.backward();
    before = before.defined() ? before + loss.detach() : loss.detach();
  }
}

}  // namespace skipcast::engine
