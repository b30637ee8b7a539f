#include "storage/schema/time_axis.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

namespace skipcast::storage {
namespace {

constexpr int64_t kDaySeconds = 86'400;
constexpr double kMonthSeconds = 30.4375 * 86'400;
constexpr int32_t kYearMin = 1;
constexpr int32_t kYearMax = 9999;
constexpr int32_t kWeekdays = 5;

int64_t floor_div(int64_t a, int64_t b) { return a / b - ((a % b != 0) && ((a < 0) != (b < 0))); }
int64_t floor_mod(int64_t a, int64_t b) { return a - floor_div(a, b) * b; }

// 0 = Monday; 1970-01-01 was a Thursday.
int64_t weekday_of(int64_t day) { return floor_mod(day + 3, 7); }

// The day that lies `count` weekdays after `day`, itself a weekday.
int64_t add_weekdays(int64_t day, int64_t count) {
  const int64_t from_monday = weekday_of(day) + count;
  return day - weekday_of(day) + 7 * floor_div(from_monday, kWeekdays) +
         floor_mod(from_monday, kWeekdays);
}

// Weekdays from `from` to `to`, both weekdays.
int64_t weekdays_between(int64_t from, int64_t to) {
  const int64_t weeks = (to - weekday_of(to) - (from - weekday_of(from))) / 7;
  return weeks * kWeekdays + weekday_of(to) - weekday_of(from);
}

int64_t add_months(int64_t start_s, int64_t months) {
  const CalendarTime start = calendar_time(start_s);
  const int64_t month0 = int64_t{start.year} * 12 + start.month - 1 + months;
  return from_civil(static_cast<int32_t>(floor_div(month0, 12)),
                    static_cast<int32_t>(floor_mod(month0, 12)) + 1, start.day,
                    floor_mod(start_s, kDaySeconds));
}

Status between_states(const TimeAxis& axis, int64_t time_s, int64_t before) {
  return bad_input(fmt::format("{} is not a time of the series; the nearest ones are {} and {}",
                               format_time(time_s), format_time(axis.time_at(before)),
                               format_time(axis.time_at(before + 1))));
}

// Largest index of a session axis whose time is <= time_s.
int64_t session_index_before(const TimeAxis& axis, int64_t time_s) {
  const int64_t start_day = floor_div(axis.start_s, kDaySeconds);
  const int64_t since_open = time_s - (axis.start_s - start_day * kDaySeconds);
  int64_t day = floor_div(since_open, kDaySeconds);
  int64_t slot = floor_mod(since_open, kDaySeconds) / axis.step_s;
  if (slot >= axis.session_states) slot = axis.session_states - 1;
  if (!axis.weekdays_only) return (day - start_day) * axis.session_states + slot;
  if (weekday_of(day) >= kWeekdays) {  // the last slot of the Friday before
    day -= weekday_of(day) - (kWeekdays - 1);
    slot = axis.session_states - 1;
  }
  return weekdays_between(start_day, day) * axis.session_states + slot;
}

int64_t month_index_before(const TimeAxis& axis, int64_t time_s) {
  const CalendarTime start = calendar_time(axis.start_s), time = calendar_time(time_s);
  const int64_t months = (int64_t{time.year} - start.year) * 12 + time.month - start.month;
  const int64_t index = floor_div(months, axis.step_months);
  return axis.time_at(index) > time_s ? index - 1 : index;
}

}  // namespace

int64_t TimeAxis::time_at(int64_t index) const {
  if (step_months > 0) return add_months(start_s, index * step_months);
  if (session_states == 0) return start_s + index * step_s;
  const int64_t session = floor_div(index, session_states);
  const int64_t slot = floor_mod(index, session_states);
  const int64_t start_day = floor_div(start_s, kDaySeconds);
  const int64_t day = weekdays_only ? add_weekdays(start_day, session) : start_day + session;
  return start_s + (day - start_day) * kDaySeconds + slot * step_s;
}

Result<int64_t> TimeAxis::index_of(int64_t time_s) const {
  int64_t before = 0;
  if (step_months > 0) {
    before = month_index_before(*this, time_s);
  } else if (session_states > 0) {
    before = session_index_before(*this, time_s);
  } else {
    before = floor_div(time_s - start_s, step_s);
  }
  if (time_at(before) != time_s) return between_states(*this, time_s, before);
  return before;
}

bool TimeAxis::contiguous(int64_t first, int64_t last) const {
  return session_states == 0 || floor_div(first, session_states) == floor_div(last, session_states);
}

int64_t TimeAxis::nominal_step_s() const {
  return step_months > 0 ? static_cast<int64_t>(kMonthSeconds * step_months) : step_s;
}

Status validate(const TimeAxis& axis) {
  const int32_t year = calendar_time(axis.start_s).year;
  if (year < kYearMin || year > kYearMax) {
    return bad_input(fmt::format("time axis: the start lies in year {}; it must be in {}..{}", year,
                                 kYearMin, kYearMax));
  }
  if (axis.step_s < 0 || axis.step_months < 0 || axis.session_states < 0) {
    return bad_input("time axis: step, months and session states must not be negative");
  }
  if ((axis.step_s > 0) == (axis.step_months > 0)) {
    return bad_input(
        "time axis: give either a step in seconds or a step in months, not "
        "both and not neither");
  }
  constexpr int64_t kStepMax = 400 * 366 * kDaySeconds;
  if (axis.step_s > kStepMax || axis.step_months > 12 * 400) {
    return bad_input("time axis: a step of more than 400 years");
  }
  if (axis.step_months > 0 && calendar_time(axis.start_s).day > 28) {
    return bad_input(
        fmt::format("time axis: monthly states start on day {}; the day must exist "
                    "in every month, so use 1..28",
                    calendar_time(axis.start_s).day));
  }
  if (axis.session_states == 0) {
    if (axis.weekdays_only) return bad_input("time axis: weekdays_only needs session_states");
    return Status();
  }
  if (axis.step_months > 0) return bad_input("time axis: sessions need a step in seconds");
  if (axis.session_states > kDaySeconds / axis.step_s) {
    return bad_input(fmt::format("time axis: {} states of {} s do not fit in a day",
                                 axis.session_states, axis.step_s));
  }
  if (axis.weekdays_only && weekday_of(floor_div(axis.start_s, kDaySeconds)) >= kWeekdays) {
    return bad_input(fmt::format("time axis: {} is not a weekday, but weekdays_only is set",
                                 format_time(axis.start_s)));
  }
  return Status();
}

CalendarTime calendar_time(int64_t time_s) {
  using namespace std::chrono;
  const int64_t day = floor_div(time_s, kDaySeconds);
  const int64_t second = floor_mod(time_s, kDaySeconds);
  const sys_days date{days{day}};
  const year_month_day civil{date};
  CalendarTime out;
  out.year = static_cast<int>(civil.year());
  out.month = static_cast<int32_t>(static_cast<unsigned>(civil.month()));
  out.day = static_cast<int32_t>(static_cast<unsigned>(civil.day()));
  out.hour = static_cast<int32_t>(second / 3600);
  out.minute = static_cast<int32_t>(second / 60 % 60);
  out.second = static_cast<int32_t>(second % 60);
  out.weekday = static_cast<int32_t>(weekday_of(day));
  out.day_of_year = static_cast<int32_t>((date - sys_days{civil.year() / January / 1}).count());
  return out;
}

int64_t from_civil(int32_t year, int32_t month, int32_t day, int64_t second_of_day) {
  using namespace std::chrono;
  const year_month_day civil{std::chrono::year{year},
                             std::chrono::month{static_cast<unsigned>(month)},
                             std::chrono::day{static_cast<unsigned>(day)}};
  return sys_days{civil}.time_since_epoch().count() * kDaySeconds + second_of_day;
}

std::string format_time(int64_t time_s) {
  const CalendarTime t = calendar_time(time_s);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", t.year, t.month, t.day, t.hour,
                     t.minute, t.second);
}

}  // namespace skipcast::storage
