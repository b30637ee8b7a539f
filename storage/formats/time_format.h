// Times written in a pattern of the recipe: strptime(3)'s, made safe.
#pragma once

#include <cstdint>
#include <string>

#include "storage/status.h"

namespace skipcast::storage {

// kBadInput (without position) for a pattern whose times would not be those that are meant: with
// %Z or %s, which depend on the machine's clock, or without a year.
Status check_time_format(const std::string& format);

// Whether the pattern holds an offset from UTC (%z).
bool has_offset(const std::string& format);

// Seconds since 1970-01-01 of a text that fits the pattern whole; an offset (%z) is applied, a leap
// second counts as the one before. kBadInput (without position) for other texts and for days that
// their month does not have. REQUIRES a pattern that check_time_format() takes. Thread-safe.
Result<int64_t> parse_formatted_time(const std::string& text, const std::string& format);

}  // namespace skipcast::storage
