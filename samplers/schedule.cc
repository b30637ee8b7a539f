#include "samplers/schedule.h"

#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <utility>

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
  std::vector<double> sigmas = levels(steps, options);
  sigmas.erase(sigmas.begin(), sigmas.begin() + skipped);
  return Entry{.sigma = sigmas.front(), .sigmas = std::move(sigmas)};
}

// Levels given one by one.
std::optional<Entry> enter_listed(int64_t steps, const std::vector<double>& sigmas,
                                  const ScheduleOptions& options, std::string* error) {
  if (static_cast<int64_t>(sigmas.size()) != steps) {
    return refuse(error, c10::str(sigmas.size(), " sigmas for ", steps, " steps"));
  }
  for (size_t i = 0; i < sigmas.size(); ++i) {
    if (!(sigmas[i] >= options.sigma_min && sigmas[i] <= options.sigma_max)) {
      return refuse(error, c10::str("sigma ", sigmas[i], " lies outside the model's range ",
                                    options.sigma_min, " .. ", options.sigma_max));
    }
    if (i > 0 && sigmas[i] >= sigmas[i - 1]) {
      return refuse(error,
                    c10::str("sigmas must descend: ", sigmas[i], " follows ", sigmas[i - 1]));
    }
  }
  Entry entry = {.sigma = sigmas.front(), .sigmas = sigmas};
  entry.sigmas.push_back(0);
  return entry;
}

// A spacing as a coordinate of sigma in which levels lie evenly, and its inverse.
struct Coordinate {
  std::function<double(double)> of, back;
};

Coordinate coordinate_of(const ScheduleOptions& options) {
  constexpr double kBetaMin = 0.1, kBetaRange = 19.9;  // Karras et al. 2022, table 1, VP
  const double rho = options.rho;
  switch (options.spacing) {
    case Spacing::kKarras:
      return {[rho](double sigma) { return std::pow(sigma, 1 / rho); },
              [rho](double x) { return std::pow(x, rho); }};
    case Spacing::kLog:
      return {[](double sigma) { return std::log(sigma); }, [](double x) { return std::exp(x); }};
    case Spacing::kVp:
      return {
          [](double sigma) {
            const double integral = std::log1p(sigma * sigma);
            return (std::sqrt(kBetaMin * kBetaMin + 2 * kBetaRange * integral) - kBetaMin) /
                   kBetaRange;
          },
          [](double t) { return std::sqrt(std::expm1(kBetaRange * t * t / 2 + kBetaMin * t)); }};
    case Spacing::kCosine:
      return {[](double sigma) { return std::atan(sigma) * 2 / std::numbers::pi; },
              [](double t) { return std::tan(std::numbers::pi * t / 2); }};
  }
  TORCH_CHECK(false, "unknown spacing");
}

}  // namespace

std::vector<double> karras(int64_t steps, const ScheduleOptions& options) {
  ScheduleOptions karras = options;
  karras.spacing = Spacing::kKarras;
  return levels(steps, karras);
}

std::vector<double> levels(int64_t steps, const ScheduleOptions& options) {
  TORCH_CHECK(steps >= 0, "levels: ", steps, " steps");
  TORCH_CHECK(options.sigma_min > 0 && options.sigma_min <= options.sigma_max && options.rho > 0,
              "levels: sigma range ", options.sigma_min, " .. ", options.sigma_max, ", rho ",
              options.rho);
  if (steps == 0) return {};
  if (steps == 1 || options.sigma_min == options.sigma_max) return {options.sigma_max, 0.0};
  const Coordinate coordinate = coordinate_of(options);
  const double high = coordinate.of(options.sigma_max), low = coordinate.of(options.sigma_min);
  std::vector<double> sigmas;
  for (int64_t i = 0; i < steps; ++i) {
    const double part = static_cast<double>(i) / static_cast<double>(steps - 1);
    sigmas.push_back(coordinate.back(high + part * (low - high)));
  }
  sigmas.front() = options.sigma_max;  // exactly, whatever rounding does
  sigmas.back() = options.sigma_min;
  sigmas.push_back(0.0);
  return sigmas;
}

std::optional<Entry> enter(int64_t steps, const Depth& depth, const ScheduleOptions& options,
                           std::string* error) {
  const int wishes = depth.entry_sigma.has_value() + depth.skip_fraction.has_value() +
                     depth.skip_steps.has_value() + !depth.sigmas.empty();
  if (wishes > 1) {
    return refuse(error, "entry sigma, skip fraction, skip steps and sigmas: choose one");
  }
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
  if (!depth.sigmas.empty()) return enter_listed(steps, depth.sigmas, options, error);
  if (depth.skip_steps) return enter_tail(steps, *depth.skip_steps, options, error);

  const double sigma = depth.entry_sigma.value_or(options.sigma_max);
  if (!(sigma >= options.sigma_min && sigma <= options.sigma_max)) {
    return refuse(error, c10::str("entry sigma ", sigma, " lies outside the model's range ",
                                  options.sigma_min, " .. ", options.sigma_max));
  }
  if (steps == 0) return Entry{};
  ScheduleOptions tail = options;
  tail.sigma_max = sigma;
  return Entry{.sigma = sigma, .sigmas = levels(steps, tail)};
}

}  // namespace skipcast::samplers
