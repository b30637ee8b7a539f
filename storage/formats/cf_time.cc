#include "storage/formats/cf_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include "storage/formats/csv_cells.h"
#include "storage/formats/number_text.h"
#include "storage/schema/time_axis.h"

namespace skipcast::storage {
namespace {

constexpr int64_t kDay = 86400;
constexpr double kSecondsMax = 3.2e11;  // ten thousand years
constexpr int64_t kZoneMax = 9999;      // "+0530" without its sign

struct Unit {
  std::string_view name;
  double seconds;
  int32_t months;
};

constexpr Unit kUnits[] = {{"second", 1, 0},    {"sec", 1, 0},
                           {"s", 1, 0},         {"minute", 60, 0},
                           {"min", 60, 0},      {"hour", 3600, 0},
                           {"hr", 3600, 0},     {"h", 3600, 0},
                           {"day", 86400, 0},   {"d", 86400, 0},
                           {"week", 604800, 0}, {"month", 0, 1},
                           {"year", 0, 12},     {"millisecond", 1e-3, 0},
                           {"msec", 1e-3, 0},   {"ms", 1e-3, 0}};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

// "1-1-1 00:00:0.0 +02:00" -> its numbers and the zone's offset.
struct Civil {
  std::vector<double> numbers;  // year, month, day, hour, minute, second
  int64_t zone_s = 0;
};

Result<int64_t> parse_zone(std::string_view text) {
  if (text.empty() || text == "z" || text == "utc" || text == "gmt") return 0;
  const int64_t sign = text[0] == '-' ? -1 : 1;
  if (text[0] == '+' || text[0] == '-') text.remove_prefix(1);
  const size_t colon = text.find(':');
  const auto hours = parse_integer(text.substr(0, colon));
  const auto minutes = colon == std::string_view::npos ? std::optional<int64_t>(0)
                                                       : parse_integer(text.substr(colon + 1));
  if (!hours || !minutes || *hours < 0 || *hours > kZoneMax || *minutes < 0 || *minutes > 59) {
    return bad_input("the time zone cannot be read");
  }
  const bool compact = colon == std::string_view::npos && *hours >= 100;  // +0530
  const int64_t zone =
      compact ? *hours / 100 * 3600 + *hours % 100 * 60 : *hours * 3600 + *minutes * 60;
  if (zone > 26 * 3600) return bad_input("the time zone is more than a day");
  return sign * zone;
}

bool is_number_byte(char c) { return (c >= '0' && c <= '9') || c == '.'; }

Result<Civil> parse_civil(std::string_view text) {
  Civil civil;
  size_t at = 0;
  while (civil.numbers.size() < 6 && at < text.size() && is_number_byte(text[at])) {
    const size_t begin = at;
    while (at < text.size() && is_number_byte(text[at])) ++at;
    const auto number = parse_number(text.substr(begin, at - begin));
    if (!number) return bad_input("the reference date cannot be read");
    civil.numbers.push_back(*number);
    const bool date = civil.numbers.size() < 3;
    const bool joined = at < text.size() && text[at] == (date ? '-' : ':');
    const bool day_done =
        civil.numbers.size() == 3 && at < text.size() && (text[at] == ' ' || text[at] == 't');
    if (!joined && !day_done) break;
    while (at < text.size() &&
           (text[at] == ' ' || text[at] == (date ? '-' : ':') || (day_done && text[at] == 't'))) {
      ++at;
    }
  }
  while (at < text.size() && text[at] == ' ') ++at;
  SKIPCAST_TRY(civil.zone_s, parse_zone(text.substr(at)));
  if (civil.numbers.size() < 3) return bad_input("the reference date is not year-month-day");
  civil.numbers.resize(6, 0);
  return civil;
}

int64_t days_of_julian_date(int64_t year, int64_t month, int64_t day) {
  const int64_t a = (14 - month) / 12, y = year + 4800 - a, m = month + 12 * a - 3;
  const int64_t julian_day = day + (153 * m + 2) / 5 + 365 * y + y / 4 - 32083;
  return julian_day - 2440588;  // 1970-01-01
}

Result<int64_t> to_reference(const Civil& civil, bool proleptic) {
  const auto& n = civil.numbers;
  const bool whole =
      std::all_of(n.begin(), n.begin() + 5, [](double x) { return x == std::floor(x); });
  if (!whole || n[0] < 0 || n[0] > 9999 || n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > 31 ||
      n[3] > 24 || n[4] > 59 || n[5] >= 61) {
    return bad_input("the reference date is not a date");
  }
  const auto year = static_cast<int32_t>(n[0]), month = static_cast<int32_t>(n[1]);
  const auto day = static_cast<int32_t>(n[2]);
  const auto second = static_cast<int64_t>(n[3] * 3600 + n[4] * 60 + std::floor(n[5]));
  const bool julian = !proleptic && std::pair(year, month * 100 + day) < std::pair(1582, 1015);
  const int64_t midnight = julian ? days_of_julian_date(year, month, day) * kDay
                                  : from_civil(year, month, 1, 0) + (day - 1) * kDay;
  return midnight + second - civil.zone_s;
}

Status check_calendar(const std::string& calendar) {
  for (const char* known : {"", "standard", "gregorian", "proleptic_gregorian"}) {
    if (calendar == known) return {};
  }
  return bad_input(
      "the calendar " + shown(calendar) +
      " has other days than the real one; convert "
      "the times to the standard calendar first (cdo setcalendar, xarray convert_calendar)");
}

}  // namespace

bool CfTime::looks_like_units(std::string_view units) {
  return lower(units).find(" since ") != std::string::npos;
}

Result<CfTime> CfTime::parse(std::string_view units, std::string_view calendar) {
  const std::string text = lower(units), kind = lower(calendar);
  const auto fault = [&](const std::string& what) {
    return bad_input(
        fmt::format("the time units {} cannot be used ({}); they must read like 'hours "
                    "since 2013-01-01 00:00:00'",
                    shown(units), what));
  };
  SKIPCAST_TRY_OK(check_calendar(kind));
  const size_t since = text.find(" since ");
  if (since == std::string::npos) return fault("no 'since'");
  std::string_view name = std::string_view(text).substr(0, since);
  while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
  if (name.size() > 2 && name.back() == 's' && name != "ms") name.remove_suffix(1);
  CfTime time;
  for (const Unit& unit : kUnits) {
    if (unit.name == name) time.unit_s_ = unit.seconds, time.unit_months_ = unit.months;
  }
  if (time.unit_s_ == 0 && time.unit_months_ == 0) return fault("unknown unit");
  size_t date = since + 7;
  while (date < text.size() && text[date] == ' ') ++date;
  const Result<Civil> civil = parse_civil(std::string_view(text).substr(date));
  if (!civil.ok()) return fault(civil.status().message());
  const Result<int64_t> reference = to_reference(*civil, kind == "proleptic_gregorian");
  if (!reference.ok()) return fault(reference.status().message());
  time.reference_s_ = *reference;
  return time;
}

Result<int64_t> CfTime::to_seconds(double offset) const {
  if (unit_months_ == 0) {
    const double seconds = std::round(offset * unit_s_);
    if (std::abs(seconds) < kSecondsMax) return reference_s_ + static_cast<int64_t>(seconds);
    return bad_input(fmt::format("{} is not a time", offset));
  }
  const double months = offset * unit_months_;
  if (!(std::abs(months) < 120'000)) return bad_input(fmt::format("{} is not a time", offset));
  if (months != std::floor(months)) {
    return bad_input(
        fmt::format("{} is not a whole number of calendar months; give times in days "
                    "or hours",
                    offset));
  }
  const CalendarTime start = calendar_time(reference_s_);
  const int64_t month = int64_t{start.year} * 12 + start.month - 1 + static_cast<int64_t>(months);
  if (month < 0 || month >= 120'000) return bad_input(fmt::format("{} is not a time", offset));
  const int64_t into_month = reference_s_ - from_civil(start.year, start.month, 1, 0);
  return from_civil(static_cast<int32_t>(month / 12), static_cast<int32_t>(month % 12 + 1), 1, 0) +
         std::min<int64_t>(into_month, 28 * kDay - 1);
}

}  // namespace skipcast::storage
