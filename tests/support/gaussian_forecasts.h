// Forecasts of the Gaussian city of 600 states, its query at 500.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <utility>

#include "tests/support/gaussian_city.h"

namespace skipcast::tests {

inline constexpr engine::Split kGaussianSplit = {
    .states = 600, .train_end = 360, .validation_end = 480};
inline constexpr int64_t kGaussianQuery = 500;

inline std::unique_ptr<engine::Forecaster> forecaster_on(const storage::SeriesStore& store) {
  auto made = engine::Forecaster::with_model(store, gaussian_model(store, kGaussianSplit));
  REQUIRE_MESSAGE(made.ok(), made.status().message());
  return std::move(made).value();
}

inline engine::Forecast forecast(engine::Forecaster& forecaster,
                                 const engine::ForecastOptions& options,
                                 int64_t origin = kGaussianQuery) {
  auto made = forecaster.forecast(origin, options);
  REQUIRE_MESSAGE(made.ok(), made.status().message());
  return std::move(made).value();
}

}  // namespace skipcast::tests
