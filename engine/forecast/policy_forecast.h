// Forecasts as a policy asks for them, and the policies of an archive.
// Thread safety: as the forecaster's.
#pragma once

#include <cstdint>
#include <string>

#include "engine/forecast/forecaster.h"
#include "engine/settings/policy.h"

namespace skipcast::engine {

// The same for a query: measured where the policy asks.
Result<ForecastOptions> choose_for(Forecaster& forecaster, const Policy& policy, int64_t origin,
                                   const ForecastRequest& request);

// The forecast a policy asks for: measure, choice, forecast; one timing for all of it.
Result<Forecast> forecast_by(Forecaster& forecaster, const Policy& policy, int64_t origin,
                             const ForecastRequest& request);

// Sets `copies` to what the bins need of the model's. REQUIRES that it has them.
void bind_copies(const Model& model, Policy& policy);

// kRefused when made for another archive, model or learned metric; kNotFound lists the policies
// there are.
Result<Policy> load_policy(const Forecaster& forecaster, const std::string& name_or_path);

}  // namespace skipcast::engine
