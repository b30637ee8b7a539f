// Slots: the classes of times that share a climatological mean (see normalizer.h).
#pragma once

#include <cstdint>

#include "storage/time_axis.h"

namespace skipcast::retrieval {

// How many slots the axis has (2,016 at most for steps below a day), and which one holds a state
// (any index). Pure functions.
int64_t slot_count(const storage::TimeAxis& axis);
int64_t slot_of_state(const storage::TimeAxis& axis, int64_t state);

}  // namespace skipcast::retrieval
