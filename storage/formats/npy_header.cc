#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "storage/formats/csv_cells.h"
#include "storage/formats/npy_array.h"

namespace skipcast::storage {
namespace {

constexpr int64_t kElementsMax = int64_t{1} << 48;
constexpr size_t kAxesMax = 32;

// What stands behind "'key':" up to the comma or brace that ends it.
Result<std::string_view> value_of(std::string_view text, std::string_view key) {
  const size_t at = text.find(fmt::format("'{}':", key));
  if (at == std::string_view::npos) {
    return bad_input(fmt::format("the header has no {}", shown(key)));
  }
  text.remove_prefix(at + key.size() + 3);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  const char open = text.empty() ? ' ' : text.front();
  const size_t end = open == '('    ? text.find(')')
                     : open == '\'' ? text.find('\'', 1)
                                    : std::min(text.find(','), text.find('}'));
  if (end == std::string_view::npos) return bad_input("the header is cut short");
  return text.substr(0, open == '(' || open == '\'' ? end + 1 : end);
}

double datetime_unit(std::string_view unit) {
  static constexpr std::pair<std::string_view, double> kUnits[] = {
      {"[ns]", 1e-9}, {"[us]", 1e-6}, {"[ms]", 1e-3}, {"[s]", 1},
      {"[m]", 60},    {"[h]", 3600},  {"[D]", 86400}};
  for (const auto& [name, seconds] : kUnits) {
    if (name == unit) return seconds;
  }
  return 0;
}

bool is_known(const NpyType& type) {
  const int32_t bytes = type.item_bytes;
  const bool power = bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
  switch (type.kind) {
    case 'f':
      return bytes == 4 || bytes == 8;
    case 'i':
    case 'u':
      return power;
    case 'b':
      return bytes == 1;
    case 'M':
      return bytes == 8 && type.unit_s > 0;
    case 'U':
      return bytes % 4 == 0 && bytes <= 65536;
    case 'S':
      return bytes <= 65536;
    default:
      return false;
  }
}

Result<NpyType> parse_type(std::string_view descr) {
  if (descr.size() < 2 || descr.front() != '\'') {
    return bad_input(
        "a structured type of several fields cannot be used; save each field as an "
        "array of its own");
  }
  const std::string_view text = descr.substr(1, descr.size() - 2);
  if (text.find('O') != std::string_view::npos) {
    return bad_input(
        "object type: Python objects cannot be read; save numbers instead, as in "
        "np.savez(file, data=data.astype('float32'))");
  }
  NpyType type;
  const size_t kind = text.find_first_not_of("<>|=");
  if (kind == std::string_view::npos) return bad_input("the type " + shown(text) + " is unknown");
  type.big_endian = text[0] == '>';
  type.kind = text[kind] == '?' ? 'b' : text[kind];
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + kind + 1, end, type.item_bytes);
  if (type.kind == 'U' && error == std::errc() && type.item_bytes <= 16384) type.item_bytes *= 4;
  if (type.kind == 'M') type.unit_s = datetime_unit(std::string_view(rest, end - rest));
  if (error == std::errc() && type.item_bytes >= 0 && is_known(type)) return type;
  return bad_input("the type " + shown(text) +
                   " cannot be read; convert to float32, float64, a "
                   "whole-number type, datetime64 or text");
}

Result<std::vector<int64_t>> parse_shape(std::string_view text) {
  std::vector<int64_t> shape;
  int64_t count = 1;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  if (text.size() < 2 || *at != '(') return bad_input("the shape is not a tuple");
  for (++at; at < end && *at != ')';) {
    if (*at == ' ' || *at == ',') {
      ++at;
      continue;
    }
    int64_t length = -1;
    const auto [rest, error] = std::from_chars(at, end, length);
    if (error != std::errc() || length < 0 || shape.size() == kAxesMax) {
      return bad_input("the shape cannot be read");
    }
    if (length > 0 && count > kElementsMax / length) return bad_input("the shape is too large");
    count *= std::max<int64_t>(length, 1);
    shape.push_back(length);
    at = rest;
  }
  return shape;
}

}  // namespace

int64_t NpyHeader::count() const {
  int64_t product = 1;
  for (const int64_t length : shape) product *= length;
  return product;
}

Result<NpyHeader> parse_npy_header(std::string_view text) {
  NpyHeader header;
  const size_t descr = text.find("'descr':");
  if (descr != std::string_view::npos && text.find('[', descr) < text.find('\'', descr + 8)) {
    return parse_type("[").status();
  }
  SKIPCAST_TRY(const std::string_view type, value_of(text, "descr"));
  SKIPCAST_TRY(header.type, parse_type(type));
  SKIPCAST_TRY(const std::string_view order, value_of(text, "fortran_order"));
  header.fortran_order = order.substr(0, 4) == "True";
  SKIPCAST_TRY(const std::string_view shape, value_of(text, "shape"));
  SKIPCAST_TRY(header.shape, parse_shape(shape));
  return header;
}

}  // namespace skipcast::storage
