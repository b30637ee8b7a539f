#include "engine/settings/depth_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace skipcast::engine {
namespace {

constexpr double kSmallest = 1e-12;  // a measure of 0 has no logarithm
constexpr double kLogMax = 5;        // of a factor

}  // namespace

bool can_deepen(const Setting& options) {
  const samplers::Depth& depth = options.depth;
  return options.steps > 0 && options.start.kind != StartKind::kCold &&
         (depth.entry_sigma || !depth.sigmas.empty());
}

Setting deepened(const Setting& options, double factor, const samplers::ScheduleOptions& range) {
  SKIPCAST_CHECK(can_deepen(options) && factor > 0);
  Setting out = options;
  const auto within = [&](double sigma) {
    return std::clamp(sigma, range.sigma_min, range.sigma_max);
  };
  if (out.depth.entry_sigma) {
    out.depth.entry_sigma = within(*out.depth.entry_sigma * factor);
    return out;
  }
  std::vector<double>& sigmas = out.depth.sigmas;
  const double before = std::log(sigmas.front() / range.sigma_min);
  const double after = std::log(within(sigmas.front() * factor) / range.sigma_min);
  if (!(before > 0 && after > 0)) return options;  // one level at sigma_min
  for (double& sigma : sigmas) {
    sigma = range.sigma_min * std::exp(std::log(sigma / range.sigma_min) * after / before);
    sigma = within(sigma);
  }
  return out;
}

double DepthRule::factor(double measure) const {
  if (!on()) return 1;
  const double z = std::log(std::max(measure, kSmallest) / center) / width;
  return std::exp(shift + slope * std::clamp(z, -1.0, 1.0));
}

Setting DepthRule::apply(const Setting& options, double measure) const {
  if (!on() || !can_deepen(options)) return options;
  return deepened(options, factor(measure), range());
}

samplers::ScheduleOptions DepthRule::range() const {
  if (!on()) return {};
  return {.sigma_min = sigma_min, .sigma_max = sigma_max};
}

nlohmann::json rule_json(const DepthRule& rule) {
  return {{"center", rule.center}, {"width", rule.width},         {"shift", rule.shift},
          {"slope", rule.slope},   {"sigma_min", rule.sigma_min}, {"sigma_max", rule.sigma_max}};
}

Result<DepthRule> rule_from_json(const nlohmann::json& object) {
  DepthRule rule;
  object.at("center").get_to(rule.center);
  object.at("width").get_to(rule.width);
  object.at("shift").get_to(rule.shift);
  object.at("slope").get_to(rule.slope);
  object.at("sigma_min").get_to(rule.sigma_min);
  object.at("sigma_max").get_to(rule.sigma_max);
  const bool measured =
      rule.center > 0 && std::isfinite(rule.center) && rule.width > 0 && std::isfinite(rule.width);
  const bool bounded = std::abs(rule.shift) + std::abs(rule.slope) <= kLogMax;
  const bool ranged =
      rule.sigma_min > 0 && rule.sigma_max > rule.sigma_min && std::isfinite(rule.sigma_max);
  if (measured && bounded && ranged) return rule;
  return bad_input(
      "its \"depth\" needs center, width and sigma_min above 0, sigma_max above "
      "sigma_min, and |shift| + |slope| of at most 5");
}

std::string describe(const DepthRule& rule, Measure measure) {
  const double low = std::exp(rule.shift - rule.slope), high = std::exp(rule.shift + rule.slope);
  return fmt::format("entry sigma x {:.2g} to {:.2g} with the analogs' {} from low to high", low,
                     high, word(measure));
}

}  // namespace skipcast::engine
