#include "retrieval/scaling/slots.h"

#include <algorithm>

namespace skipcast::retrieval {
namespace {

constexpr int64_t kDay = 86400;
constexpr int64_t kWeek = 7 * kDay;
constexpr int64_t kFirstMonday = 4 * kDay;  // 1970-01-05
constexpr int64_t kNarrowest = 300;         // seconds; finer steps share a slot
constexpr int64_t kNarrowestOfYear = 3600;  // seconds
constexpr int64_t kMonths = 12;
constexpr int64_t kHalfMonths = 2 * kMonths;

int64_t modulo(int64_t value, int64_t divisor) {
  const int64_t rest = value % divisor;
  return rest < 0 ? rest + divisor : rest;
}

int64_t slot_width(const storage::TimeAxis& axis) { return std::max(axis.step_s, kNarrowest); }

bool within_week(const storage::TimeAxis& axis) {
  return axis.step_months == 0 && axis.step_s < kDay;
}

int64_t day_slot_width(const storage::TimeAxis& axis, Base base) {
  return std::max(axis.step_s, base == Base::kSeasonal ? kNarrowestOfYear : kNarrowest);
}

}  // namespace

int64_t slot_count(const storage::TimeAxis& axis) {
  if (axis.session_states > 0) return axis.session_states;
  if (within_week(axis)) return (kWeek + slot_width(axis) - 1) / slot_width(axis);
  return axis.step_months > 0 ? kMonths : kHalfMonths;
}

int64_t slot_of_state(const storage::TimeAxis& axis, int64_t state) {
  if (axis.session_states > 0) return modulo(state, axis.session_states);
  const int64_t time = axis.time_at(state);
  if (within_week(axis)) return modulo(time - kFirstMonday, kWeek) / slot_width(axis);
  const storage::CalendarTime calendar = storage::calendar_time(time);
  if (axis.step_months > 0) return calendar.month - 1;
  return 2 * (calendar.month - 1) + (calendar.day > 15 ? 1 : 0);
}

bool has_slots_of_day(const storage::TimeAxis& axis) {
  return axis.session_states == 0 && within_week(axis);
}

int64_t slot_count(const storage::TimeAxis& axis, Base base) {
  if (base == Base::kMean) return 1;
  if (base == Base::kSlotOfWeek || !has_slots_of_day(axis)) return slot_count(axis);
  const int64_t width = day_slot_width(axis, base);
  return (kDay + width - 1) / width * (base == Base::kSeasonal ? kYearDays : 1);
}

int64_t slot_of_state(const storage::TimeAxis& axis, Base base, int64_t state) {
  if (base == Base::kMean) return 0;
  if (base == Base::kSlotOfWeek || !has_slots_of_day(axis)) return slot_of_state(axis, state);
  const int64_t time = axis.time_at(state), width = day_slot_width(axis, base);
  const int64_t of_day = modulo(time, kDay) / width;
  if (base == Base::kSlotOfDay) return of_day;
  return storage::calendar_time(time).day_of_year * ((kDay + width - 1) / width) + of_day;
}

}  // namespace skipcast::retrieval
