// Looking at one forecast: quantiles of the ensemble, what was observed before and after, dates.
// Thread-safe reads of a forecaster and a forecast.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/forecast/forecaster.h"

namespace skipcast::tools {

// Linear interpolation between ascending values; NaN of none. 0 <= q <= 1.
double quantile(std::span<const double> ascending, double q);

struct Summary {
  double mean = 0, spread = 0;  // spread: standard deviation over members, M - 1
  double q05 = 0, q25 = 0, q50 = 0, q75 = 0, q95 = 0;
};

class EnsembleView {
 public:
  EnsembleView(const engine::Forecaster& forecaster, const engine::Forecast& forecast);

  int64_t members() const { return members_; }
  int64_t lead_times() const { return lead_times_; }
  int64_t variables() const { return variables_; }
  int64_t places() const { return places_; }
  int64_t lead_time_s(int64_t lead) const;  // UTC; lead 0 is the first after the origin
  const storage::Variable& variable(int64_t target) const;

  // The ensemble at one lead time, target variable and place.
  Summary at(int64_t lead, int64_t target, int64_t place) const;
  // The same of each member's mean over all places.
  Summary over_places(int64_t lead, int64_t target) const;

  // Stored values of a target variable at `count` states from `first`, [count, places]; NaN where
  // missing, outside the archive or in another session than the origin.
  Result<std::vector<float>> stored(int64_t target, int64_t first, int64_t count) const;

 private:
  double value(int64_t member, int64_t lead, int64_t target, int64_t place) const;

  const engine::Forecaster& forecaster_;
  const engine::Forecast& forecast_;
  at::Tensor values_;  // [members, lead times, variables, places] float32, contiguous
  int64_t members_, lead_times_, variables_, places_;
};

// Mean over places without NaN; NaN when there is none.
double mean_of(std::span<const float> values);

}  // namespace skipcast::tools
