#include "engine/settings/names.h"

namespace skipcast::engine {

StartKind read_start(std::string_view word) {
  return word == "shuffled" ? StartKind::kMismatched : StartKind(word);
}

KeyKind read_key(std::string_view word) {
  return word == "learned" ? KeyKind::kMetric : KeyKind(word);
}

Alignment read_alignment(std::string_view word) { return Alignment(word); }

}  // namespace skipcast::engine
