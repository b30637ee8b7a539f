// Forecast options as JSON: what policies and trials store. Members, seed, archive mode, band and
// batch are the caller's and left out; doubles are exact, an infinite decay is null.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/settings/forecast_options.h"

namespace skipcast::engine {

nlohmann::json options_json(const ForecastOptions& options);

// kUsage for unknown words. Throws nlohmann's exceptions for missing or mistyped keys; the caller
// stops them.
Result<ForecastOptions> options_from_json(const nlohmann::json& object);

}  // namespace skipcast::engine
