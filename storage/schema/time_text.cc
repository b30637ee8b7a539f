// parse_time: the accepted spellings of a time, as one small hand-written parser.
#include <fmt/format.h>

#include <chrono>

#include "storage/schema/time_axis.h"

namespace skipcast::storage {
namespace {

constexpr size_t kTextMax = 40;

// Reads a time from left to right; every function returns false and moves nothing on a mismatch.
class TimeScanner {
 public:
  explicit TimeScanner(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  bool skip(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool digits(int32_t count, int32_t& out) {
    if (rest_.size() < static_cast<size_t>(count)) return false;
    int32_t value = 0;
    for (int32_t i = 0; i < count; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return false;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    out = value;
    return true;
  }
  bool next_is_digit() const { return !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; }

 private:
  std::string_view rest_;
};

struct ParsedTime {
  int32_t year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  int32_t offset_minutes = 0;
};

bool scan_date(TimeScanner& scan, ParsedTime& t) {
  if (!scan.digits(4, t.year)) return false;
  const bool dashes = scan.skip('-');
  if (!scan.digits(2, t.month)) return false;
  if (dashes && !scan.skip('-')) return false;
  return scan.digits(2, t.day);
}

// A fraction of a second is accepted when it is zero.
bool scan_fraction(TimeScanner& scan) {
  if (!scan.skip('.')) return true;
  if (!scan.skip('0')) return false;
  while (scan.skip('0')) {
  }
  return !scan.next_is_digit();
}

bool scan_clock(TimeScanner& scan, ParsedTime& t) {
  if (!scan.digits(2, t.hour)) return false;
  if (scan.skip(':')) {
    if (!scan.digits(2, t.minute)) return false;
    return !scan.skip(':') || (scan.digits(2, t.second) && scan_fraction(scan));
  }
  if (!scan.next_is_digit()) return true;
  if (!scan.digits(2, t.minute)) return false;
  return !scan.next_is_digit() || (scan.digits(2, t.second) && scan_fraction(scan));
}

// "Z", "+08:00", "-0530", "+08" or nothing (UTC).
bool scan_zone(TimeScanner& scan, ParsedTime& t) {
  if (scan.done()) return true;
  if (scan.skip('Z')) return true;
  const bool east = scan.skip('+');
  if (!east && !scan.skip('-')) return false;
  int32_t hours = 0, minutes = 0;
  if (!scan.digits(2, hours)) return false;
  const bool more = scan.skip(':') || scan.next_is_digit();
  if (more && !scan.digits(2, minutes)) return false;
  if (hours > 14 || minutes > 59) return false;
  t.offset_minutes = (east ? 1 : -1) * (hours * 60 + minutes);
  return true;
}

bool in_range(const ParsedTime& t) {
  const std::chrono::year_month_day civil{std::chrono::year{t.year},
                                          std::chrono::month{static_cast<unsigned>(t.month)},
                                          std::chrono::day{static_cast<unsigned>(t.day)}};
  return t.year >= 1 && civil.ok() && t.hour < 24 && t.minute < 60 && t.second < 60;
}

bool scan_time(std::string_view text, ParsedTime& t) {
  TimeScanner scan(text);
  if (!scan_date(scan, t)) return false;
  const bool clock = scan.skip('T') || scan.skip(' ');
  if (clock && !(scan_clock(scan, t) && scan_zone(scan, t))) return false;
  return scan.done() && in_range(t);
}

}  // namespace

Result<int64_t> parse_time(std::string_view text) {
  ParsedTime t;
  if (text.size() > kTextMax || !scan_time(text, t)) {
    return bad_input(fmt::format("'{}' is not a time; write it like 2016-12-18T00:30",
                                 text.substr(0, kTextMax)));
  }
  return from_civil(t.year, t.month, t.day, 0) + t.hour * 3600 + t.minute * 60 + t.second -
         t.offset_minutes * 60;
}

}  // namespace skipcast::storage
