// Starts: how the entry state of an ensemble is made. Pure functions on tensors, in normalised
// units; members first: [members, lead times, variables, places]. METHODS section 2 gives bias and
// spread of each. Thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

namespace skipcast::samplers {

// Analog futures moved towards the query's last observation:
// future + decay(lead) * (query_last - analog_last), decay(l) = exp(-(l-1)/tau), l = 1..T.
// analog_last [members, V, P], query_last [V, P]; tau = infinity shifts all lead times alike,
// tau = 0 shifts nothing.
at::Tensor align_offset(const at::Tensor& analog_future, const at::Tensor& analog_last,
                        const at::Tensor& query_last, double tau);

// decay(l) above for l = 1..T: [T].
at::Tensor offset_decay(int64_t lead_times, double tau, const at::TensorOptions& options);

// Residual alignment ("dress"): query_mean + (future - analog_mean), where the means are the
// denoiser's mean forecasts at the query's and at the analogs' own contexts. query_mean [T, V, P].
at::Tensor align_residual(const at::Tensor& analog_future, const at::Tensor& analog_mean,
                          const at::Tensor& query_mean);

// The last observation held for all lead times: [T, V, P] from query_last [V, P].
at::Tensor persist(const at::Tensor& query_last, int64_t lead_times);

// An earlier ensemble [M, T, V, P], issued `cycle` states before the query, as forecasts from now:
// lead l is its lead l + cycle; the last `cycle` leads hold its last. Moved to the query's last
// observation [V, P] as align_offset does, by the error it made at lead `cycle`.
// REQUIRES 1 <= cycle <= T.
at::Tensor shift_cycle(const at::Tensor& earlier, int64_t cycle, const at::Tensor& query_last,
                       double tau);

// ReDi, Zhang et al. 2023 (METHODS 1.1): the weights [H] whose sum of keys [H, D] is nearest to
// query [D], by unconstrained least squares: neither a convex combination nor one that sums to 1.
at::Tensor redi_weights(const at::Tensor& keys, const at::Tensor& query);

// x = clean + sigma * eps: the state at which the chain is entered. eps like clean (broadcasts
// over members when clean has no member dimension of its own, i.e. clean [T, V, P]).
at::Tensor enter_at(const at::Tensor& clean, const at::Tensor& eps, double sigma);

}  // namespace skipcast::samplers
