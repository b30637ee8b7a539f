#include "engine/scores/proper_scores.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

namespace skipcast::engine {
namespace {

constexpr double kTiny = 1e-12;  // keeps the root's gradient finite

// Mean over observed values of each window, then over windows.
at::Tensor window_mean(const at::Tensor& values, const at::Tensor& mask) {
  const at::Tensor sums = (values * mask).flatten(1).sum(1);
  return (sums / mask.flatten(1).sum(1).clamp_min(1)).mean();
}

}  // namespace

at::Tensor crps_loss(const at::Tensor& x, const at::Tensor& y, const at::Tensor& mask) {
  const int64_t members = x.size(1);
  TORCH_CHECK(members >= 2, "a fair score needs 2 members");
  const double pairs = static_cast<double>(members * (members - 1));
  // sum over pairs of |x - x'| = sum of (2 i - M - 1) x_(i) over the sorted members.
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[1] = members;
  const at::Tensor ranks =
      (at::arange(1, members + 1, x.options()) * 2 - static_cast<double>(members + 1)).view(shape);
  const at::Tensor spread = (std::get<0>(x.sort(1)) * ranks).sum(1) / pairs;
  return window_mean((x - y.unsqueeze(1)).abs().mean(1) - spread, mask);
}

at::Tensor energy_loss(const at::Tensor& x, const at::Tensor& y, const at::Tensor& mask) {
  const int64_t members = x.size(1);
  TORCH_CHECK(members >= 2, "a fair score needs 2 members");
  const at::Tensor m = mask.flatten(1).unsqueeze(1);
  const at::Tensor all = x.flatten(2) * m, seen = y.flatten(1).unsqueeze(1) * m;
  const auto length = [](const at::Tensor& d) { return (d.square().sum(-1) + kTiny).sqrt(); };
  const at::Tensor error = length(all - seen).mean(1);
  at::Tensor apart = at::zeros_like(error);
  for (int64_t shift = 1; shift < members; ++shift) {
    const int64_t count = members - shift;
    apart = apart + length(all.narrow(1, shift, count) - all.narrow(1, 0, count)).sum(1);
  }
  const double pairs = static_cast<double>(members * (members - 1));
  return ((error - apart / pairs) / mask.flatten(1).sum(1).clamp_min(1).sqrt()).mean();
}

at::Tensor texture_loss(const at::Tensor& x, const at::Tensor& y, const at::Tensor& mask,
                        const at::Tensor& partners) {
  const auto across = [&](const at::Tensor& v) { return v - v.index_select(-1, partners); };
  const at::Tensor both = mask * mask.index_select(-1, partners);
  const at::Tensor places = crps_loss(across(x), across(y), both);
  const int64_t steps = y.size(1) - 1;
  if (steps == 0) return places;
  const at::Tensor in_time = crps_loss(x.narrow(2, 1, steps) - x.narrow(2, 0, steps),
                                       y.narrow(1, 1, steps) - y.narrow(1, 0, steps),
                                       mask.narrow(1, 1, steps) * mask.narrow(1, 0, steps));
  return (places + in_time) / 2;
}

}  // namespace skipcast::engine
