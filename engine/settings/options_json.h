// A setting as JSON: what policies and trials store. Doubles are exact, an infinite decay is null.
// Made from the table of knobs (engine/settings/setting_table.h). Pure functions, thread-safe.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/settings/forecast_options.h"

namespace skipcast::engine {

nlohmann::json options_json(const Setting& setting);

// kBadInput names the key: one that is unknown, missing, of a wrong type or out of its range;
// kUsage lists the words of a spacing. Keys of older versions are read. Nothing is thrown.
Result<Setting> options_from_json(const nlohmann::json& object);

// The same text for settings that make the same forecasts, and for no others: every knob that
// applies, exactly.
std::string identity(const Setting& setting);

}  // namespace skipcast::engine
