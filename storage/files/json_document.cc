#include "storage/files/json_document.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/files/checksum.h"

namespace skipcast::storage {
namespace {

using nlohmann::json;

// Innermost first: the destructor of an empty list or object allocates nothing.
void dismantle(json& value) {
  if (!value.is_structured()) return;
  for (json& member : value) dismantle(member);
  value.clear();
}

}  // namespace

JsonDocument::~JsonDocument() { dismantle(value_); }

void JsonDocument::parse(std::string_view text) {
  nlohmann::detail::json_sax_dom_parser<json> builder(value_);
  json::sax_parse(text, &builder);
}

std::string json_checksum(const json& object) {
  return fmt::format("{:08x}", crc32c(object.dump()));
}

int json_depth(std::string_view text) {
  int depth = 0, deepest = 0;
  bool quoted = false;
  for (size_t k = 0; k < text.size(); ++k) {
    const char c = text[k];
    if (quoted && c == '\\') {
      ++k;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == '[' || c == '{')) {
      deepest = std::max(deepest, ++depth);
    } else if (!quoted && (c == ']' || c == '}')) {
      --depth;
    }
  }
  return deepest;
}

}  // namespace skipcast::storage
