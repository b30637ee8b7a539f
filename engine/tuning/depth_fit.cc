#include "engine/tuning/depth_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "engine/settings/options_json.h"

namespace skipcast::engine {
namespace {

constexpr double kLogStep = 0.0875;      // of shift and slope
constexpr int kShifts = 4, kSlopes = 8;  // steps to either side
constexpr double kWidthMin = 0.01;       // of the measure's logarithm
constexpr double kTail = 0.1;            // left out at either end of the measure

// Center and width of a rule: the measure's median, and half the log range of its middle part.
DepthRule rule_for(const Measured& measured, const samplers::ScheduleOptions& range) {
  std::vector<double> logs;
  for (const auto& [origin, value] : measured) {
    if (value > 0) logs.push_back(std::log(value));
  }
  DepthRule rule = {.sigma_min = range.sigma_min, .sigma_max = range.sigma_max};
  if (logs.empty()) return rule;
  std::sort(logs.begin(), logs.end());
  const auto at = [&](double part) {
    return logs[static_cast<size_t>(part * static_cast<double>(logs.size() - 1))];
  };
  rule.center = std::exp(at(0.5));
  rule.width = (at(1 - kTail) - at(kTail)) / 2;
  return rule;
}

// Scores of one half of the queries under a rule.
std::vector<Contribution> scores_under(const DepthRule& rule, const DepthFamily& family,
                                       const Measured& measured, int half) {
  std::vector<Contribution> scores;
  const std::vector<Contribution>& queries = family.at(1).front().first->score_by_query;
  for (size_t i = 0; i < queries.size(); ++i) {
    if (half_of(static_cast<int64_t>(i)) != half) continue;
    const auto value = measured.find(queries[i].origin);
    const double factor = value == measured.end() ? 1 : rule.factor(value->second);
    scores.push_back({.origin = queries[i].origin});
    for (const auto& [trial, share] : family.at(factor)) {
      scores.back().sum += share * trial->score_by_query[i].sum;
      scores.back().weight += share * trial->score_by_query[i].weight;
    }
  }
  return scores;
}

}  // namespace

DepthFamily::DepthFamily(std::span<const Trial> trials, const Setting& base,
                         const samplers::ScheduleOptions& range)
    : range_(range) {
  const auto add = [&](double factor, const std::string& wanted) {
    for (const Trial& trial : trials) {
      if (identity(trial.options) == wanted) by_log_.emplace(std::log(factor), &trial);
    }
  };
  const std::string same = identity(base);
  add(1, same);
  if (by_log_.empty() || !can_deepen(base)) return;
  for (const double factor : kDepthFactors) {
    const std::string wanted = identity(deepened(base, factor, range));
    if (wanted != same) add(factor, wanted);  // else the range's end is reached
  }
}

std::vector<std::pair<const Trial*, double>> DepthFamily::at(double factor) const {
  if (by_log_.empty()) return {};
  const double log = std::log(factor);
  const auto above = by_log_.lower_bound(log);
  if (above == by_log_.end()) return {{by_log_.rbegin()->second, 1}};
  if (above == by_log_.begin() || above->first == log) return {{above->second, 1}};
  const auto below = std::prev(above);
  const double part = (log - below->first) / (above->first - below->first);
  return {{below->second, 1 - part}, {above->second, part}};
}

std::optional<FittedRule> fit_depth(const DepthFamily& family, const Measured& measured) {
  DepthRule rule = rule_for(measured, family.range());
  if (family.size() < 3 || !(rule.width > kWidthMin)) return std::nullopt;
  DepthRule best = rule;
  double least = std::numeric_limits<double>::infinity();
  for (int shift = -kShifts; shift <= kShifts; ++shift) {
    for (int slope = -kSlopes; slope <= kSlopes; ++slope) {
      rule.shift = shift * kLogStep;
      rule.slope = slope * kLogStep;
      const double score = mean_of(scores_under(rule, family, measured, 0));
      if (score < least) {
        least = score;
        best = rule;
      }
    }
  }
  return FittedRule{best, scores_under(best, family, measured, 1)};
}

}  // namespace skipcast::engine
