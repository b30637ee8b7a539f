// The starts there are, from which members enter the reverse chain. Pure functions, thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "engine/settings/forecast_options.h"

namespace skipcast::engine {

struct StartRow {
  StartKind kind;
  std::string_view help;
  bool searches = false;     // its members' analogs are found by start.key
  bool has_analogs = false;  // an analog a member, found or drawn
  bool control = false;      // measured, never chosen
};

// nullptr for a word that names none.
const StartRow* find_start(StartKind kind);
// The start of this word; kUsage lists those there are.
Result<StartKind> start_from(std::string_view word);
// "cold, analog, ...", for help and messages.
std::string start_names();

bool has_analogs(StartKind kind);
bool is_retrieved(StartKind kind);  // has_analogs, and a search finds them

// Do start, key and alignment name something? kUsage lists what there is.
Status check_names(const StartOptions& start);

}  // namespace skipcast::engine
