#include "samplers/early_exit.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <numeric>

namespace skipcast::samplers {

at::Tensor EarlyExit::operator()(const at::Tensor& x, double sigma) {
  if (!last_.defined()) {
    last_ = denoise_(x, sigma);
    moving_.resize(static_cast<size_t>(x.size(0)));
    std::iota(moving_.begin(), moving_.end(), int64_t{0});
    evaluations_ += x.size(0);
    return last_;
  }
  if (moving_.empty()) return last_;
  const at::Tensor rows = at::tensor(moving_, at::kLong).to(x.device());
  const at::Tensor now = denoise_(x.index_select(0, rows), sigma);
  evaluations_ += now.size(0);
  const at::Tensor before = last_.index_select(0, rows);
  last_ = last_.index_copy(0, rows, now);
  std::vector<int64_t> still;
  for (size_t i = 0; i < moving_.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    const at::Tensor change = (now[row] - before[row]).to(at::kDouble);
    const double size = std::sqrt(change.square().mean().item<double>());
    if (!(size <= tolerance_)) still.push_back(moving_[i]);
  }
  moving_ = std::move(still);
  return last_;
}

}  // namespace skipcast::samplers
