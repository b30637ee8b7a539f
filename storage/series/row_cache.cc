#include "storage/series/row_cache.h"

namespace skipcast::storage {
namespace {

constexpr size_t kEntryOverheadBytes = 128;
constexpr size_t kLargeBytes = 64 << 10;  // from here on allocations are costly
constexpr size_t kSparesMax = 16;

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

std::unique_ptr<std::string> RowCache::Spares::take() {
  const std::lock_guard lock(mutex_);
  if (buffers_.empty()) return std::make_unique<std::string>();
  std::unique_ptr<std::string> buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

void RowCache::Spares::give(std::unique_ptr<std::string> buffer) {
  const std::lock_guard lock(mutex_);
  if (buffers_.size() < kSparesMax) buffers_.push_back(std::move(buffer));
}

RowCache::Row RowCache::copy_of(std::string_view values) const {
  if (values.size() < kLargeBytes) return std::make_shared<const std::string>(values);
  std::unique_ptr<std::string> buffer = spares_->take();
  buffer->assign(values);
  return Row(buffer.release(), [spares = spares_](std::string* row) {
    spares->give(std::unique_ptr<std::string>(row));
  });
}

void RowCache::insert(const RowId& row, std::string_view bytes) {
  const std::optional<uint64_t> key = key_of(row);
  if (!key || bytes.size() + kEntryOverheadBytes > shard_bytes_max_) return;
  Row values = copy_of(bytes);
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
