// Per-query depth as a smooth function of a measure of the query's analogs: near analogs that agree
// are worth more of the chain than far ones that do not. Values and pure functions, thread-safe.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/settings/forecast_options.h"

namespace skipcast::engine {

// Every level of the setting's chain stretched in log sigma above sigma_min, so that it is entered
// at `factor` times its entry, at most sigma_max. REQUIRES can_deepen().
Setting deepened(const Setting& options, double factor, const samplers::ScheduleOptions& range);
// A chain from an entry sigma or listed levels, not from a cold start.
bool can_deepen(const Setting& options);

// The entry's factor is exp(shift + slope z), z = log(measure / center) / width within -1 .. 1.
struct DepthRule {
  double center = 1, width = 0;  // of the measure; width 0: no rule, every factor 1
  double shift = 0, slope = 0;
  double sigma_min = 0, sigma_max = 0;

  bool on() const { return width > 0; }
  double factor(double measure) const;
  samplers::ScheduleOptions range() const;  // the default one without a rule
  // The setting as it is, or deepened when there is a rule and it can be.
  Setting apply(const Setting& options, double measure) const;
};

nlohmann::json rule_json(const DepthRule& rule);
// kBadInput for numbers that are no rule. Throws nlohmann's exceptions for missing or mistyped
// keys; the caller stops them.
Result<DepthRule> rule_from_json(const nlohmann::json& object);

// "entry sigma x 0.71 to 1.4 by distance": one line for people.
std::string describe(const DepthRule& rule, Measure measure);

}  // namespace skipcast::engine
