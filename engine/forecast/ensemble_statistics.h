// What an ensemble says in a few fields: computed where the members lie, so that of a large
// ensemble on a GPU only these come back. Pure functions, thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace skipcast::engine {

inline const std::vector<double> kQuantileLevels = {0.05, 0.25, 0.5, 0.75, 0.95};

struct EnsembleStatistics {
  std::vector<double> levels;
  at::Tensor mean, spread;  // [T_out, V, P]; spread: standard deviation (M - 1), 0 of one member
  at::Tensor quantiles;     // [levels, T_out, V, P], linear between order statistics (type 7 of
                            // Hyndman & Fan 1996)
};

// Of members [M, T_out, V, P]. REQUIRES M >= 1 and levels in 0..1.
EnsembleStatistics ensemble_statistics(const at::Tensor& members,
                                       const std::vector<double>& levels = kQuantileLevels);

// The same on the CPU.
EnsembleStatistics on_cpu(const EnsembleStatistics& statistics);

// A factor a lead time: linear between knots that are evenly spaced from the first lead time to the
// last; one knot holds for all, none is 1.
std::vector<double> by_lead_time(const std::vector<double>& knots, int64_t lead_times);

// Every member's distance from the ensemble mean, times by_lead_time(knots): [M, T_out, V, P].
at::Tensor inflated(const at::Tensor& members, const std::vector<double>& knots);

}  // namespace skipcast::engine
