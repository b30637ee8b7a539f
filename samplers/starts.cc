// Starts, METHODS section 2. Each is one line of arithmetic on broadcast shapes.
#include "samplers/starts.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_pinv.h>
#include <ATen/ops/tensor.h>
#include <c10/util/Exception.h>

#include <cmath>
#include <vector>

namespace skipcast::samplers {

// exp(-(l-1)/tau); tau = 0: nothing is shifted, not even lead time 1.
at::Tensor offset_decay(int64_t lead_times, double tau, const at::TensorOptions& options) {
  std::vector<double> weights(static_cast<size_t>(lead_times), 0.0);
  for (int64_t l = 0; l < lead_times && tau > 0; ++l) {
    weights[static_cast<size_t>(l)] = std::exp(-static_cast<double>(l) / tau);
  }
  return at::tensor(weights, at::kDouble).to(options);
}

at::Tensor align_offset(const at::Tensor& analog_future, const at::Tensor& analog_last,
                        const at::Tensor& query_last, double tau) {
  TORCH_CHECK(analog_future.dim() == 4 && analog_last.dim() == 3 && query_last.dim() == 2,
              "align_offset takes [M, T, V, P], [M, V, P] and [V, P]");
  TORCH_CHECK(tau >= 0, "tau is ", tau, ", must be 0 or more");
  const at::Tensor offset = (query_last - analog_last).unsqueeze(1);  // [M, 1, V, P]
  const at::Tensor decay = offset_decay(analog_future.size(1), tau, analog_future.options());
  return analog_future + offset * decay.view({-1, 1, 1});
}

at::Tensor align_residual(const at::Tensor& analog_future, const at::Tensor& analog_mean,
                          const at::Tensor& query_mean) {
  TORCH_CHECK(analog_future.sizes() == analog_mean.sizes() && query_mean.dim() == 3,
              "align_residual takes [M, T, V, P] twice and [T, V, P]");
  return query_mean + (analog_future - analog_mean);
}

at::Tensor persist(const at::Tensor& query_last, int64_t lead_times) {
  TORCH_CHECK(query_last.dim() == 2, "persist takes [V, P]");
  return query_last.unsqueeze(0).repeat({lead_times, 1, 1});
}

at::Tensor shift_cycle(const at::Tensor& earlier, int64_t cycle, const at::Tensor& query_last,
                       double tau) {
  TORCH_CHECK(earlier.dim() == 4, "shift_cycle takes [M, T, V, P]");
  const int64_t leads = earlier.size(1);
  TORCH_CHECK(cycle >= 1 && cycle <= leads, "cycle is ", cycle, ", must lie in 1..", leads);
  const at::Tensor still = earlier.narrow(1, leads - 1, 1).expand({-1, cycle, -1, -1});
  const at::Tensor shifted = at::cat({earlier.narrow(1, cycle, leads - cycle), still}, 1);
  return align_offset(shifted, earlier.select(1, cycle - 1), query_last, tau);
}

at::Tensor redi_weights(const at::Tensor& keys, const at::Tensor& query) {
  TORCH_CHECK(keys.dim() == 2 && query.dim() == 1 && keys.size(1) == query.size(0),
              "redi_weights takes [H, D] and [D]");
  const at::Tensor columns = keys.to(at::kDouble).t(), wanted = query.to(at::kDouble);
  return at::linalg_pinv(columns).matmul(wanted).to(keys.scalar_type());
}

at::Tensor enter_at(const at::Tensor& clean, const at::Tensor& eps, double sigma) {
  TORCH_CHECK(sigma >= 0, "sigma is ", sigma, ", must be 0 or more");
  return clean + eps * sigma;
}

}  // namespace skipcast::samplers
