// The regular time axis of a series: index <-> UTC time, with calendar breaks.
//
// Three kinds: a fixed step in seconds; calendar months; and a fixed step inside
// daily sessions (a metro that runs 108 slots of 10 minutes a day, on weekdays
// only): index / session_states is the day, index % session_states the slot.
// Windows must not cross a session boundary. Values, thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/status.h"

namespace skipcast::storage {

struct TimeAxis {
  int64_t start_s = 0;         // UTC seconds since 1970-01-01 of state 0
  int64_t step_s = 0;          // > 0 for a fixed step
  int32_t step_months = 0;     // > 0 for calendar months (then step_s = 0)
  int32_t session_states = 0;  // states a daily session; 0 = no breaks
  bool weekdays_only = false;  // sessions on Monday..Friday only

  // UTC seconds of state `index` (any sign; indices before 0 extrapolate).
  int64_t time_at(int64_t index) const;
  // Index of the state at `time_s`; kBadInput when it falls between two states or
  // outside a session, with the two nearest times in the message.
  Result<int64_t> index_of(int64_t time_s) const;
  // True when states first..last (inclusive) lie in one session (always, without sessions).
  bool contiguous(int64_t first, int64_t last) const;
  // Nominal seconds between two states (a month counts as 30.4375 days).
  int64_t nominal_step_s() const;

  bool operator==(const TimeAxis&) const = default;
};

// Checks that exactly one step is given, that sessions fit in a day, and so on.
Status validate(const TimeAxis& axis);

// "2016-12-18T00", "2016-12-18 00:30", "2016-12-18", "20161218T0030Z", with seconds
// too -> UTC seconds. kBadInput names the text and shows an accepted form.
Result<int64_t> parse_time(std::string_view text);
// "2016-12-18T00:00:00Z".
std::string format_time(int64_t time_s);

struct CalendarTime {
  int32_t year, month, day, hour, minute, second;  // month 1..12, day 1..31
  int32_t weekday;                                 // 0 = Monday
  int32_t day_of_year;                             // 0..365
};
CalendarTime calendar_time(int64_t time_s);
int64_t from_civil(int32_t year, int32_t month, int32_t day, int64_t second_of_day);

}  // namespace skipcast::storage
