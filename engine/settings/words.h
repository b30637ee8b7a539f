// The words users say for values of an enumeration: tables of them, read both ways. Internal to
// engine. Pure functions, thread-safe.
#pragma once

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "storage/status.h"

namespace skipcast::engine {

template <typename Kind, size_t n>
using Words = std::array<std::pair<const char*, Kind>, n>;

// kUsage lists the words; `noun` is what they are words for.
template <typename Kind, size_t n>
Result<Kind> from_word(const Words<Kind, n>& words, const char* noun, std::string_view text) {
  std::string all;
  for (const auto& [name, kind] : words) {
    if (name == text) return kind;
    all += fmt::format("{}{}", all.empty() ? "" : ", ", name);
  }
  return usage(fmt::format("no {} is called '{}'; there are {}", noun, text, all));
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
