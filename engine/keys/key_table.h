// The keys there are, by which analogs are found. Pure functions, thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "engine/settings/names.h"
#include "storage/status.h"

namespace skipcast::engine {

struct KeyRow {
  KeyKind kind;
  std::string_view help;
  bool needs_mean = true;  // the query's mean forecast is part of it
};

// nullptr for a word that names none.
const KeyRow* find_key(KeyKind kind);
// The key of this word; kUsage lists those there are.
Result<KeyKind> key_from(std::string_view word);
// "context, forecast, ...", for help and messages.
std::string key_names();

}  // namespace skipcast::engine
