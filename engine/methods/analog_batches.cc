#include "engine/methods/analog_batches.h"

#include <ATen/ATen.h>

#include <utility>

#include "engine/networks/attachments.h"
#include "engine/networks/retrieval_attention.h"
#include "samplers/noise.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kDropRetrieval = -11;  // NoiseKey::query, beside those of batches.cc
constexpr double kDropped = 0.25;

RetrievedBatch nearest(const RetrievedBatch& all, int64_t count) {
  return {all.futures.narrow(1, 0, count), all.mismatch.narrow(1, 0, count),
          all.facts.narrow(1, 0, count), all.weight};
}

}  // namespace

double uniform_draw(const Task& task, int64_t purpose, int64_t row, int64_t step) {
  constexpr uint64_t fine = uint64_t{1} << 40;
  const samplers::NoiseKey key = {task.training.seed, purpose, row, step};
  return (static_cast<double>(samplers::uniform_index(key, fine)) + 0.5) /
         static_cast<double>(fine);
}

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
    const double drawn =
        uniform_draw(dataset_.task(), kDropRetrieval, static_cast<int64_t>(row), step);
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

}  // namespace skipcast::engine
