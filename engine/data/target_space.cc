#include "engine/data/target_space.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace skipcast::engine {
namespace {

constexpr int64_t kChunk = 512;  // windows summed at once, fewer where they are large
constexpr int64_t kChunkBytes = int64_t{48} << 20;  // of one sum's terms
constexpr double kScaleMin = 1e-4;

// last as [1 or B, 1, V, P].
at::Tensor with_lead(const at::Tensor& last) {
  return last.dim() == 2 ? last.unsqueeze(0).unsqueeze(0) : last.unsqueeze(1);
}

size_t windows_at_once(const Dataset& dataset) {
  const Task& task = dataset.task();
  const auto numbers = static_cast<int64_t>(task.variables.size()) * task.spec.future_states;
  const int64_t bytes = numbers * dataset.places() * static_cast<int64_t>(sizeof(double));
  return static_cast<size_t>(std::clamp<int64_t>(kChunkBytes / bytes, 1, kChunk));
}

}  // namespace

at::Tensor TargetSpace::to_target(const at::Tensor& values, const at::Tensor& last) const {
  return (values - damping * with_lead(last)) / scale;
}

at::Tensor TargetSpace::from_target(const at::Tensor& target, const at::Tensor& last) const {
  return target * scale + damping * with_lead(last);
}

TargetSpace fit_target_space(const Dataset& dataset, std::span<const int64_t> origins) {
  const Task& task = dataset.task();
  at::Tensor count, last_last, last_future, future_future;
  const auto add = [](at::Tensor& sum, const at::Tensor& terms) {
    const at::Tensor more = terms.sum(0);
    sum = sum.defined() ? sum + more : more;
  };
  const size_t chunk = windows_at_once(dataset);
  for (size_t first = 0; first < origins.size(); first += chunk) {
    const auto part = origins.subspan(first, std::min(chunk, origins.size() - first));
    const at::Tensor last = with_lead(dataset.last_values(part)).to(at::kDouble);
    at::Tensor mask, future;
    {
      const FutureBatch futures = dataset.futures(part);
      mask = futures.mask.to(at::kDouble);
      future = futures.values.to(at::kDouble);
    }
    add(count, mask);
    add(last_last, last * last * mask);
    add(last_future, (last * future).mul_(mask));
    add(future_future, future.mul_(future).mul_(mask));
  }
  SKIPCAST_CHECK(count.defined());
  const at::Tensor fitted = last_future / last_last.clamp_min(1e-12);
  const at::Tensor damping = task.residual ? fitted : at::zeros_like(fitted);
  const at::Tensor squares =
      future_future - 2 * damping * last_future + damping * damping * last_last;
  const at::Tensor deviation = (squares / count.clamp_min(1)).clamp_min(0).sqrt();
  const at::Tensor scale = at::where(deviation > kScaleMin, deviation, at::ones_like(deviation));
  return {damping.to(at::kFloat).contiguous(),
          (scale / task.sigma_data).to(at::kFloat).contiguous()};
}

}  // namespace skipcast::engine
