// Slots: the classes of times that share a climatological mean (see normalizer.h).
#pragma once

#include <cstdint>

#include "retrieval/scaling/normalizer.h"
#include "storage/schema/time_axis.h"

namespace skipcast::retrieval {

// How many slots the axis has (2,016 at most for steps below a day), and which one holds a state
// (any index). Pure functions.
int64_t slot_count(const storage::TimeAxis& axis);
int64_t slot_of_state(const storage::TimeAxis& axis, int64_t state);

// The same for any base; kMean has the one slot 0. The two above are those of kSlotOfWeek.
int64_t slot_count(const storage::TimeAxis& axis, Base base);
int64_t slot_of_state(const storage::TimeAxis& axis, Base base, int64_t state);

// kSeasonal's slots: slots of the day fastest, then the 366 days of the year.
inline constexpr int64_t kYearDays = 366;
// True when kSeasonal differs from kSlotOfWeek: fixed steps below a day, without sessions.
bool has_slots_of_day(const storage::TimeAxis& axis);

}  // namespace skipcast::retrieval
