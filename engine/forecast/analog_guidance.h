// Guidance by analogs: a chain's denoiser is moved towards that of a kernel density over what
// happened after the nearest analogs (samplers/guidance.h). Internal to engine.
#pragma once

#include <cstdint>

#include "engine/forecast/denoiser_stack.h"

namespace skipcast::engine {

inline constexpr int64_t kGuides = 32;  // analogs

DenoiserWrapper analog_guidance();

}  // namespace skipcast::engine
