#include "storage/row_cache.h"

namespace skipcast::storage {
namespace {

constexpr size_t kEntryOverheadBytes = 128;

size_t cost_of(const RowCache::Row& values) { return values->size() + kEntryOverheadBytes; }

}  // namespace

// One number for (kind, variable, first); rows beyond 2^47 states are simply not kept.
std::optional<uint64_t> RowCache::key_of(const RowId& row) {
  if (row.first >> 47 != 0) return std::nullopt;
  const uint64_t kind = row.kind == RowKind::kGathered ? 1 : 0;
  return kind << 63 | static_cast<uint64_t>(row.variable) << 47 | static_cast<uint64_t>(row.first);
}

RowCache::Shard& RowCache::shard_of(uint64_t key) {
  return shards_[(key * 0x9e3779b97f4a7c15ULL) >> 60];
}

RowCache::Row RowCache::find(const RowId& row) {
  const std::optional<uint64_t> key = key_of(row);
  if (!key) return nullptr;
  Shard& shard = shard_of(*key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.places.find(*key);
  if (found == shard.places.end()) return nullptr;
  shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
  return found->second->values;
}

void RowCache::insert(const RowId& row, Row values) {
  const std::optional<uint64_t> key = key_of(row);
  if (!key || cost_of(values) > shard_bytes_max_) return;
  Shard& shard = shard_of(*key);
  const std::lock_guard lock(shard.mutex);
  if (shard.places.contains(*key)) return;  // another reader was faster
  shard.bytes += cost_of(values);
  shard.entries.push_front({*key, std::move(values)});
  shard.places.emplace(*key, shard.entries.begin());
  while (shard.bytes > shard_bytes_max_) {
    shard.bytes -= cost_of(shard.entries.back().values);
    shard.places.erase(shard.entries.back().key);
    shard.entries.pop_back();
  }
}

}  // namespace skipcast::storage
