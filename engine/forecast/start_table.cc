#include "engine/forecast/start_table.h"

#include "engine/forecast/alignment.h"
#include "engine/forecast/analog_search.h"
#include "engine/keys/key_table.h"
#include "engine/settings/words.h"

namespace skipcast::engine {

// In the order in which help lists them.
extern const StartRow kColdStart, kAnalogStart, kMeanStart, kRandomStart, kPersistStart,
    kMismatchedStart, kRediStart, kPreviousStart;

namespace {

constexpr const StartRow* kStarts[] = {&kColdStart,   &kAnalogStart,  &kMeanStart,
                                       &kRandomStart, &kPersistStart, &kMismatchedStart,
                                       &kRediStart,   &kPreviousStart};

}  // namespace

Result<std::shared_ptr<const void>> StartMemory::get(const std::string& name, const Make& make) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const void>& kept = kept_[name];
  if (kept == nullptr) {
    SKIPCAST_TRY(kept, make());
  }
  return kept;
}

const StartRow* find_start(StartKind kind) {
  for (const StartRow* row : kStarts) {
    if (row->kind == kind) return row;
  }
  return nullptr;
}

std::string start_names() {
  std::string names;
  for (const StartRow* row : kStarts) add_name(names, row->kind.view());
  return names;
}

Result<StartKind> start_from(std::string_view word) {
  const StartKind kind = read_start(word);
  if (find_start(kind) != nullptr) return kind;
  return unknown_word("start", word, start_names());
}

bool has_analogs(StartKind kind) {
  const StartRow* const row = find_start(kind);
  return row != nullptr && row->find != nullptr;
}

bool is_retrieved(StartKind kind) {
  const StartRow* const row = find_start(kind);
  return row != nullptr && row->find != nullptr && row->searches;
}

bool needs_mean(const StartOptions& start) {
  const StartRow* const row = find_start(start.kind);
  return row != nullptr && row->needs_mean != nullptr && row->needs_mean(start);
}

bool is_control(const Setting& setting) {
  const StartRow* const row = find_start(setting.start.kind);
  return (row != nullptr && row->control) || setting.mismatched_retrieval;
}

Status check_names(const StartOptions& start) {
  SKIPCAST_TRY_OK(start_from(start.kind.view()).status());
  SKIPCAST_TRY_OK(key_from(start.key.view()).status());
  return alignment_from(start.alignment.view()).status();
}

}  // namespace skipcast::engine
