// Samplers by the names people compare with: solver, steps and spacing in one word. All start cold;
// levels span the task's own range of sigma. Pure functions, thread-safe.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/forecaster.h"

namespace skipcast::engine {

struct Preset {
  std::string_view name;         // "edm-35": the number is the NFE
  std::string_view description;  // of the solver, with its source
  std::string_view solver;
  int64_t steps;
};

std::span<const Preset> presets();
// "edm-35, gencast-39, ...", for help and messages.
std::string preset_names();

// `base` with the preset's start, solver, steps and levels. kUsage lists the names.
Result<ForecastOptions> preset_options(std::string_view name, const ForecastOptions& base);

}  // namespace skipcast::engine
