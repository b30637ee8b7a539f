// Target space: what the denoising chain works on, y = (future - damping * last) / scale.
//
// damping [T_out, V, P] is the least-squares factor of the future on the last observation (filled
// like contexts), scale the standard deviation of what is left, both over the training windows and
// observed futures only. Values; pure functions, thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "engine/data/dataset.h"

namespace skipcast::engine {

struct TargetSpace {
  at::Tensor damping, scale;  // [T_out, V, P] float32; scale > 0

  // values [B, T_out, V, P] in normalised units; last [V, P] for all, or [B, V, P].
  at::Tensor to_target(const at::Tensor& values, const at::Tensor& last) const;
  at::Tensor from_target(const at::Tensor& target, const at::Tensor& last) const;
};

// Fits both on windows with these origins (of the training part). scale is divided by the task's
// sigma_data; damping is 0 when the task is not residual. A value that never varies, or was never
// observed, gets scale 1 / sigma_data.
TargetSpace fit_target_space(const Dataset& dataset, std::span<const int64_t> origins);

}  // namespace skipcast::engine
