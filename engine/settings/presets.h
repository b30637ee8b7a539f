// Samplers by the names people compare with: solver, steps and spacing in one word, "edm-35"; the
// number is the NFE. All start cold; levels span the task's own range of sigma. Pure functions,
// thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/settings/forecast_options.h"

namespace skipcast::engine {

// The solvers there are, "euler, heun, ...", for help and messages; and the presets, "edm-35, ...".
std::string solver_names();
std::string preset_names();

// `base` with the preset's start, solver, steps and levels. kUsage lists the names.
Result<ForecastOptions> preset_options(std::string_view name, const ForecastOptions& base);

// What nobody tuned, beside which tuning has to be worth it: the setting of `skipcast forecast`
// without flags, and the cold start of 35 evaluations.
std::vector<Setting> untuned_settings();

}  // namespace skipcast::engine
