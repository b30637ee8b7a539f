// How far apart two samples of one dimension are.
#pragma once

#include <ATen/ATen.h>

namespace skipcast::tests {

// Their energy distance, from their sorted union: twice the integral of (F - G)^2.
inline double energy_distance(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor all = at::cat({a.flatten(), b.flatten()});
  const at::Tensor sign = at::cat({at::full({a.numel()}, 1.0 / a.numel(), at::kDouble),
                                   at::full({b.numel()}, -1.0 / b.numel(), at::kDouble)});
  const auto [sorted, order] = all.sort();
  const at::Tensor difference = sign.index_select(0, order).cumsum(0).narrow(0, 0, all.numel() - 1);
  const at::Tensor width = sorted.diff();
  return 2 * (difference.square() * width).sum().item<double>();
}

}  // namespace skipcast::tests
