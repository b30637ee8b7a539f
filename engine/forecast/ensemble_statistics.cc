#include "engine/forecast/ensemble_statistics.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "storage/status.h"

namespace skipcast::engine {

EnsembleStatistics ensemble_statistics(const at::Tensor& members,
                                       const std::vector<double>& levels) {
  const int64_t count = members.size(0);
  SKIPCAST_CHECK(count >= 1);
  const at::Tensor sorted = std::get<0>(members.sort(0));
  EnsembleStatistics made = {.levels = levels, .mean = members.mean(0)};
  made.spread = count > 1 ? members.std(0) : at::zeros_like(made.mean);
  std::vector<at::Tensor> quantiles;
  for (const double level : levels) {
    SKIPCAST_CHECK(level >= 0 && level <= 1);
    const double at = level * static_cast<double>(count - 1);
    const auto below = static_cast<int64_t>(std::floor(at));
    const int64_t above = std::min(below + 1, count - 1);
    quantiles.push_back(at::lerp(sorted[below], sorted[above], at - static_cast<double>(below)));
  }
  made.quantiles = quantiles.empty() ? at::empty({0}) : at::stack(quantiles);
  return made;
}

std::vector<double> by_lead_time(const std::vector<double>& knots, int64_t lead_times) {
  std::vector<double> factors(static_cast<size_t>(lead_times), knots.empty() ? 1 : knots.front());
  if (knots.size() < 2 || lead_times < 2) return factors;
  for (int64_t lead = 0; lead < lead_times; ++lead) {
    const double at = static_cast<double>(lead) * static_cast<double>(knots.size() - 1) /
                      static_cast<double>(lead_times - 1);
    const auto below = std::min(static_cast<size_t>(at), knots.size() - 2);
    const double share = at - static_cast<double>(below);
    factors[static_cast<size_t>(lead)] = knots[below] * (1 - share) + knots[below + 1] * share;
  }
  return factors;
}

at::Tensor inflated(const at::Tensor& members, const std::vector<double>& knots) {
  if (knots.empty()) return members;
  const at::Tensor factors =
      at::tensor(by_lead_time(knots, members.size(1)), at::kDouble).to(members.options());
  const at::Tensor mean = members.mean(0, /*keepdim=*/true);
  return mean + (members - mean) * factors.view({-1, 1, 1});
}

EnsembleStatistics on_cpu(const EnsembleStatistics& statistics) {
  return {statistics.levels, statistics.mean.cpu(), statistics.spread.cpu(),
          statistics.quantiles.cpu()};
}

}  // namespace skipcast::engine
