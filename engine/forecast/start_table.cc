#include "engine/forecast/start_table.h"

#include <array>

#include "engine/forecast/alignment.h"
#include "engine/keys/key_table.h"
#include "engine/settings/words.h"

namespace skipcast::engine {
namespace {

constexpr std::array<StartRow, 8> kStarts = {{
    {StartKind::kCold, "pure noise"},
    {StartKind::kAnalog, "what happened after similar situations", true, true},
    {StartKind::kMean, "the network's mean forecast", false, false, true},
    {StartKind::kRandom, "what happened after situations drawn blindly", false, true, true},
    {StartKind::kPersist, "the last observation, held", false, false, true},
    {StartKind::kMismatched, "the analogs of another situation", true, true, true},
    {StartKind::kRedi, "the published method, ReDi"},
    {StartKind::kPrevious, "the members of the cycle before"},
}};

}  // namespace

const StartRow* find_start(StartKind kind) {
  for (const StartRow& row : kStarts) {
    if (row.kind == kind) return &row;
  }
  return nullptr;
}

std::string start_names() {
  std::string names;
  for (const StartRow& row : kStarts) add_name(names, row.kind.view());
  return names;
}

Result<StartKind> start_from(std::string_view word) {
  const StartKind kind = read_start(word);
  if (find_start(kind) != nullptr) return kind;
  return unknown_word("start", word, start_names());
}

bool has_analogs(StartKind kind) {
  const StartRow* const row = find_start(kind);
  return row != nullptr && row->has_analogs;
}

bool is_retrieved(StartKind kind) {
  const StartRow* const row = find_start(kind);
  return row != nullptr && row->has_analogs && row->searches;
}

Status check_names(const StartOptions& start) {
  SKIPCAST_TRY_OK(start_from(start.kind.view()).status());
  SKIPCAST_TRY_OK(key_from(start.key.view()).status());
  return alignment_from(start.alignment.view()).status();
}

}  // namespace skipcast::engine
