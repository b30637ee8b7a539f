#include "storage/formats/number_text.h"

#include <charconv>
#include <system_error>

namespace skipcast::storage {
namespace {

template <typename T>
std::optional<T> parse(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<double> parse_number(std::string_view text) { return parse<double>(text); }
std::optional<int64_t> parse_integer(std::string_view text) { return parse<int64_t>(text); }
std::optional<float> parse_float(std::string_view text) { return parse<float>(text); }

}  // namespace skipcast::storage
