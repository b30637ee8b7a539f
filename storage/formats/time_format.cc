#include "storage/formats/time_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <string_view>

#include "storage/formats/csv_cells.h"

namespace skipcast::storage {
namespace {

// The letters of the pattern's conversions, %% left out, modifiers skipped.
std::string conversions_of(const std::string& format) {
  constexpr std::string_view kModifiers = "EO_-0^#";
  std::string letters;
  for (size_t k = 0; k < format.size(); ++k) {
    if (format[k] != '%') continue;
    ++k;
    while (k < format.size() && kModifiers.find(format[k]) != std::string_view::npos) ++k;
    if (k < format.size() && format[k] != '%') letters.push_back(format[k]);
  }
  return letters;
}

bool holds_any(const std::string& letters, const char* of) {
  return letters.find_first_of(of) != std::string::npos;
}

}  // namespace

Status check_time_format(const std::string& format) {
  const std::string letters = conversions_of(format);
  if (holds_any(letters, "Z")) {
    return bad_input("the time format " + shown(format) +
                     " has %Z, a zone's name, which says no offset for certain; use %z for "
                     "offsets such as +0100, or leave the name to the pattern's own letters and "
                     "give \"utc_offset_hours\"");
  }
  if (holds_any(letters, "s")) {
    return bad_input("the time format " + shown(format) +
                     " has %s, which depends on the machine's clock; give \"units\": \"seconds "
                     "since 1970-01-01\" in place of the format");
  }
  if (holds_any(letters, "YyFDcx")) return {};
  return bad_input("the time format " + shown(format) +
                   " has no year (%Y or %y); without it no time can be told");
}

bool has_offset(const std::string& format) { return holds_any(conversions_of(format), "z"); }

Result<int64_t> parse_formatted_time(const std::string& text, const std::string& format) {
  std::tm parts{};
  parts.tm_mday = 1;
  const char* rest = strptime(text.c_str(), format.c_str(), &parts);
  if (!rest || *rest != '\0' || text.find('\0') != std::string::npos) {
    return bad_input(shown(text) + " does not fit the time format " + shown(format) +
                     "; correct the cell or \"time\": {\"format\": ...} in the recipe");
  }
  const std::chrono::year_month_day day{std::chrono::year(parts.tm_year + 1900),
                                        std::chrono::month(static_cast<unsigned>(parts.tm_mon + 1)),
                                        std::chrono::day(static_cast<unsigned>(parts.tm_mday))};
  if (!day.ok()) {
    return bad_input(fmt::format("{}: the month {} of {} has no day {}; correct the date",
                                 shown(text), parts.tm_mon + 1, parts.tm_year + 1900,
                                 parts.tm_mday));
  }
  const std::chrono::sys_seconds midnight = std::chrono::sys_days(day);
  return midnight.time_since_epoch().count() + parts.tm_hour * 3600 + parts.tm_min * 60 +
         std::min(parts.tm_sec, 59) - parts.tm_gmtoff;
}

}  // namespace skipcast::storage
