// The rule of a per-query depth, found on validation: the same setting tried at several depths, and
// the smooth function of a measure that takes for each query the depth it does best at. Pure
// functions, thread-safe.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/tuning/policy_fit.h"

namespace skipcast::engine {

// Factors of the entry sigma that are tried beside 1.
inline constexpr double kDepthFactors[] = {0.5, 0.7, 1.4, 2};

// The trials of one setting at several depths. They must outlive it.
class DepthFamily {
 public:
  // Those of `trials` that are `base`, or `base` deepened by one of kDepthFactors in this range.
  DepthFamily(std::span<const Trial> trials, const Setting& base,
              const samplers::ScheduleOptions& range);

  // Depths tried, 1 included.
  size_t size() const { return by_log_.size(); }
  const samplers::ScheduleOptions& range() const { return range_; }
  // The one or two trials whose factors enclose this one, with shares linear in its logarithm that
  // sum to 1; empty when the base itself was not tried.
  std::vector<std::pair<const Trial*, double>> at(double factor) const;

 private:
  std::map<double, const Trial*> by_log_;  // by the factor's logarithm
  samplers::ScheduleOptions range_;
};

struct FittedRule {
  DepthRule rule;
  std::vector<Contribution> confirming;  // scores of the queries that only confirm
};

// Shift and slope of the least mean score on the choosing half, scores between two depths linear in
// the factor's logarithm. nullopt: fewer than three depths tried, or a measure that hardly varies.
std::optional<FittedRule> fit_depth(const DepthFamily& family, const Measured& measured);

}  // namespace skipcast::engine
