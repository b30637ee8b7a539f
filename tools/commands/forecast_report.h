// One forecast in words and as JSON: depth and cost first, then the ensemble by lead time.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/forecast/forecaster.h"

namespace skipcast::tools {

// The lines that always appear: start, entry sigma, NFE, wall time with its parts, retrieval.
std::string cost_text(const engine::Forecaster& forecaster, const engine::Forecast& forecast,
                      const engine::ForecastOptions& options);

// A table by lead time of the first target variable, averaged over places.
Result<std::string> lead_time_table(const engine::Forecaster& forecaster,
                                    const engine::Forecast& forecast);

Result<nlohmann::json> forecast_json(const engine::Forecaster& forecaster,
                                     const engine::Forecast& forecast,
                                     const engine::ForecastOptions& options);

}  // namespace skipcast::tools
