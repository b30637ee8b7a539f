#include "samplers/schedule.h"

#include <cmath>
#include <utility>

#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

namespace skipcast::samplers {
namespace {

std::optional<Entry> refuse(std::string* error, std::string sentence) {
  if (error != nullptr) *error = std::move(sentence);
  return std::nullopt;
}

// The tail of the full list after `skipped` of its steps.
std::optional<Entry> enter_tail(int64_t steps, int64_t skipped, const ScheduleOptions& options,
                                std::string* error) {
  if (skipped < 0) return refuse(error, c10::str("cannot skip ", skipped, " steps"));
  if (skipped >= steps) {
    return refuse(error,
                  c10::str("skipping ", skipped, " of ", steps, " steps leaves none to run"));
  }
  std::vector<double> sigmas = karras(steps, options);
  sigmas.erase(sigmas.begin(), sigmas.begin() + skipped);
  return Entry{.sigma = sigmas.front(), .sigmas = std::move(sigmas)};
}

}  // namespace

std::vector<double> karras(int64_t steps, const ScheduleOptions& options) {
  TORCH_CHECK(steps >= 0, "karras: ", steps, " steps");
  TORCH_CHECK(options.sigma_min > 0 && options.sigma_min <= options.sigma_max && options.rho > 0,
              "karras: sigma range ", options.sigma_min, " .. ", options.sigma_max, ", rho ",
              options.rho);
  if (steps == 0) return {};
  if (steps == 1 || options.sigma_min == options.sigma_max) return {options.sigma_max, 0.0};
  const double high = std::pow(options.sigma_max, 1 / options.rho);
  const double low = std::pow(options.sigma_min, 1 / options.rho);
  std::vector<double> sigmas;
  for (int64_t i = 0; i < steps; ++i) {  // eq. 5
    const double part = static_cast<double>(i) / static_cast<double>(steps - 1);
    sigmas.push_back(std::pow(high + part * (low - high), options.rho));
  }
  sigmas.front() = options.sigma_max;  // exactly, whatever pow rounds to
  sigmas.back() = options.sigma_min;
  sigmas.push_back(0.0);
  return sigmas;
}

std::optional<Entry> enter(int64_t steps, const Depth& depth, const ScheduleOptions& options,
                           std::string* error) {
  const int wishes = depth.entry_sigma.has_value() + depth.skip_fraction.has_value() +
                     depth.skip_steps.has_value();
  if (wishes > 1) return refuse(error, "entry sigma, skip fraction and skip steps: choose one");
  if (steps < 0) return refuse(error, c10::str("cannot run ", steps, " steps"));
  if (depth.skip_fraction) {
    const double fraction = *depth.skip_fraction;
    if (!(fraction >= 0 && fraction < 1)) {
      return refuse(error, c10::str("skip fraction ", fraction, " lies outside [0, 1)"));
    }
    constexpr double kRounding = 1e-9;  // 0.29 * 100 means 29
    const double skipped = std::floor(fraction * static_cast<double>(steps) + kRounding);
    return enter_tail(steps, static_cast<int64_t>(skipped), options, error);
  }
  if (depth.skip_steps) return enter_tail(steps, *depth.skip_steps, options, error);

  const double sigma = depth.entry_sigma.value_or(options.sigma_max);
  if (!(sigma >= options.sigma_min && sigma <= options.sigma_max)) {
    return refuse(error, c10::str("entry sigma ", sigma, " lies outside the model's range ",
                                  options.sigma_min, " .. ", options.sigma_max));
  }
  if (steps == 0) return Entry{};
  ScheduleOptions tail = options;
  tail.sigma_max = sigma;
  return Entry{.sigma = sigma, .sigmas = karras(steps, tail)};
}

}  // namespace skipcast::samplers
