// Numbers as foreign text files write them. Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace skipcast::storage {

// A number in decimal or exponent notation, the whole text, or nullopt.
std::optional<double> parse_number(std::string_view text);
std::optional<int64_t> parse_integer(std::string_view text);
std::optional<float> parse_float(std::string_view text);  // nearest float, not via double

}  // namespace skipcast::storage
