// Trials as text. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/tuning/tuner.h"

namespace skipcast::engine {

// A table with a header, one trial a row; its last column is describe() of the setting. `members`
// share a trial's shared evaluations.
std::string front_csv(const std::vector<Trial>& trials, int64_t members);

}  // namespace skipcast::engine
