// The words users say for values of an enumeration or a table: read both ways. Internal to
// engine. Pure functions, thread-safe.
#pragma once

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "storage/status.h"

namespace skipcast::engine {

// Adds a name to "cold, analog".
inline void add_name(std::string& names, std::string_view name) {
  names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
}

// kUsage: "no start is called 'x'; there are cold, analog".
inline Status unknown_word(const char* noun, std::string_view word, const std::string& names) {
  return usage(fmt::format("no {} is called '{}'; there are {}", noun, word, names));
}

template <typename Kind, size_t n>
using Words = std::array<std::pair<const char*, Kind>, n>;

// kUsage lists the words; `noun` is what they are words for.
template <typename Kind, size_t n>
Result<Kind> from_word(const Words<Kind, n>& words, const char* noun, std::string_view text) {
  std::string all;
  for (const auto& [name, kind] : words) {
    if (name == text) return kind;
    add_name(all, name);
  }
  return unknown_word(noun, text, all);
}

// REQUIRES a word for it.
template <typename Kind, size_t n>
const char* to_word(const Words<Kind, n>& words, Kind kind) {
  for (const auto& [name, each] : words) {
    if (each == kind) return name;
  }
  SKIPCAST_CHECK(false);
  return "";
}

}  // namespace skipcast::engine
