#include "engine/keys/key_table.h"

#include <array>

#include "engine/settings/words.h"

namespace skipcast::engine {
namespace {

constexpr std::array<KeyRow, 4> kKeys = {{
    {KeyKind::kContext, "the context itself", false},
    {KeyKind::kForecast, "the network's mean forecast of it"},
    {KeyKind::kMixed, "both"},
    {KeyKind::kMetric, "a metric that was learned"},
}};

}  // namespace

const KeyRow* find_key(KeyKind kind) {
  for (const KeyRow& row : kKeys) {
    if (row.kind == kind) return &row;
  }
  return nullptr;
}

std::string key_names() {
  std::string names;
  for (const KeyRow& row : kKeys) add_name(names, row.kind.view());
  return names;
}

Result<KeyKind> key_from(std::string_view word) {
  const KeyKind kind = read_key(word);
  if (find_key(kind) != nullptr) return kind;
  return unknown_word("key", word, key_names());
}

}  // namespace skipcast::engine
