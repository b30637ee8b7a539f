// A setting as JSON: what policies and trials store. Doubles are exact, an infinite decay is null.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/settings/forecast_options.h"

namespace skipcast::engine {

nlohmann::json options_json(const Setting& options);

// kUsage for unknown words. Throws nlohmann's exceptions for missing or mistyped keys; the caller
// stops them.
Result<Setting> options_from_json(const nlohmann::json& object);

}  // namespace skipcast::engine
