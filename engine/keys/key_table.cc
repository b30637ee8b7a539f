#include "engine/keys/key_table.h"

#include "engine/settings/words.h"

namespace skipcast::engine {

// In the order in which help lists them.
extern const KeyRow kContextKey, kForecastKey, kMixedKey, kMetricKey;

namespace {

constexpr const KeyRow* kKeys[] = {&kContextKey, &kForecastKey, &kMixedKey, &kMetricKey};

}  // namespace

const KeyRow* find_key(KeyKind kind) {
  for (const KeyRow* row : kKeys) {
    if (row->kind == kind) return row;
  }
  return nullptr;
}

std::string key_names() {
  std::string names;
  for (const KeyRow* row : kKeys) add_name(names, row->kind.view());
  return names;
}

Result<KeyKind> key_from(std::string_view word) {
  const KeyKind kind = read_key(word);
  if (find_key(kind) != nullptr) return kind;
  return unknown_word("key", word, key_names());
}

}  // namespace skipcast::engine
