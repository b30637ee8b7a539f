// Settings that tests of policies and tuning choose among.
#pragma once

#include <cstdint>

#include "engine/settings/forecast_options.h"

namespace skipcast::tests {

// Entered from analogs by the forecast key, moved by mean forecasts.
inline engine::Setting analog_setting(double sigma, int64_t steps) {
  engine::Setting options = {.steps = steps};
  options.start = {.kind = engine::StartKind::kAnalog,
                   .key = engine::KeyKind::kForecast,
                   .alignment = engine::Alignment::kResidual};
  options.depth.entry_sigma = sigma;
  return options;
}

inline engine::Setting cold_setting(int64_t steps) {
  return {.start = {.kind = engine::StartKind::kCold}, .steps = steps};
}

}  // namespace skipcast::tests
