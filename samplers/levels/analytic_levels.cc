// Levels by an error bound. State at sigma_min, unrolled over the steps of DPM-Solver++(2M):
// x = w_x x_entry + sum_i w_i D_i, hence the bound sum |w_i| error(sigma_i).
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "samplers/levels/optimised_levels.h"
#include "samplers/schedule.h"

namespace skipcast::samplers {
namespace {

constexpr int kSweeps = 40;
constexpr int kSearches = 30;     // golden sections of a level's gap
constexpr double kGapMin = 0.02;  // between levels, in log sigma
constexpr double kGolden = 0.6180339887498949;

// Weights of the evaluations at exp(logs) in the state at exp(end).
std::vector<double> weights_of(const std::vector<double>& logs, double end) {
  std::vector<double> weights(logs.size(), 0);
  double previous = 0;
  for (size_t i = 0; i < logs.size(); ++i) {
    const double h = logs[i] - (i + 1 < logs.size() ? logs[i + 1] : end);
    for (double& weight : weights) weight *= std::exp(-h);
    const double share = -std::expm1(-h), ahead = i == 0 ? 0 : h / (2 * previous);
    weights[i] += share * (1 + ahead);
    if (i > 0) weights[i - 1] -= share * ahead;
    previous = h;
  }
  return weights;
}

double bound(const std::vector<double>& logs, double end, const ErrorCurve& error) {
  const std::vector<double> weights = weights_of(logs, end);
  double sum = 0;
  for (size_t i = 0; i < logs.size(); ++i) sum += std::abs(weights[i]) * error(std::exp(logs[i]));
  return sum;
}

// Moves level `i` to where the bound is least between its neighbours, by golden section.
void settle(std::vector<double>& logs, size_t i, double end, const ErrorCurve& error) {
  double high = logs[i - 1] - kGapMin;
  double low = (i + 1 < logs.size() ? logs[i + 1] : end) + kGapMin;
  if (high <= low) return;
  const auto at = [&](double log) {
    std::vector<double> tried = logs;
    tried[i] = log;
    return bound(tried, end, error);
  };
  for (int n = 0; n < kSearches; ++n) {
    const double left = high - kGolden * (high - low), right = low + kGolden * (high - low);
    if (at(left) < at(right)) {
      high = right;
    } else {
      low = left;
    }
  }
  const double best = (high + low) / 2;
  if (at(best) < bound(logs, end, error)) logs[i] = best;
}

// Where the descent begins: a spacing whose last level is the end, and left out.
std::vector<double> spaced(int64_t steps, const ScheduleOptions& options) {
  std::vector<double> logs = levels(steps + 1, options);
  logs.resize(static_cast<size_t>(steps));
  for (double& level : logs) level = std::log(level);
  return logs;
}

}  // namespace

std::vector<double> analytic_levels(int64_t steps, double entry, double sigma_min,
                                    const ErrorCurve& error) {
  TORCH_CHECK(steps >= 1 && sigma_min > 0 && sigma_min < entry, "analytic_levels: ", steps,
              " steps from ", entry, " to ", sigma_min);
  const double end = std::log(sigma_min);
  std::vector<double> logs;
  double least = std::numeric_limits<double>::infinity();
  for (const Spacing spacing : {Spacing::kLog, Spacing::kKarras, Spacing::kCosine}) {
    std::vector<double> from = spaced(steps, {sigma_min, entry, 7, spacing});
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      for (size_t i = 1; i < from.size(); ++i) settle(from, i, end, error);
    }
    const double reached = bound(from, end, error);
    if (reached < least) {
      logs = std::move(from);
      least = reached;
    }
  }
  std::vector<double> levels(logs.size());
  std::transform(logs.begin(), logs.end(), levels.begin(),
                 [](double log) { return std::exp(log); });
  levels.front() = entry;
  return levels;
}

}  // namespace skipcast::samplers
