// Times as NetCDF and plain numbers give them: "hours since 2013-01-01 00:00:00".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/status.h"

namespace skipcast::storage {

// CF time units: offsets from a reference in seconds, minutes, hours, days or weeks; "months" and
// "years" count calendar months and take whole numbers only. A value, thread-safe.
class CfTime {
 public:
  // `calendar` may be "", standard, gregorian or proleptic_gregorian. Others (noleap, 360_day,
  // julian, ...) are kBadInput: their days are not days of our axis. Before 15 October 1582 the
  // standard calendar is the Julian one. Messages have no position: the caller adds it.
  static Result<CfTime> parse(std::string_view units, std::string_view calendar);
  // True for "... since ...": a quick look at whether a text can be such units.
  static bool looks_like_units(std::string_view units);

  // UTC seconds since 1970, rounded to whole seconds; kBadInput when not finite or out of range.
  Result<int64_t> to_seconds(double offset) const;

 private:
  int64_t reference_s_ = 0;
  double unit_s_ = 0;  // 0 for calendar months
  int32_t unit_months_ = 0;
};

}  // namespace skipcast::storage
