// From where a forecast can start. Internal to engine. A pure function, thread-safe.
#pragma once

#include <cstdint>

#include "engine/dataset.h"

namespace skipcast::engine {

// kNotFound when `origin` is after the archive's last state, or its context would begin before the
// first; kBadInput when context and future do not lie in one session. Errors name times.
Status check_origin(const Dataset& dataset, int64_t origin);

}  // namespace skipcast::engine
