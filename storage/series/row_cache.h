// Decoded rows kept in memory: windows overlap, so most reads find their rows here.
//
// Rows on disk never change, so an entry is never stale. Least recently used rows go first.
// Thread-safe: entries are immutable and shared; sixteen locks, each held for a look-up only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "storage/blocks/block_format.h"

namespace skipcast::storage {

class RowCache {
 public:
  // The float32 values of a row, [states, places], as bytes.
  using Row = std::shared_ptr<const std::string>;

  // Holds at most about `bytes_max` bytes of rows; larger rows than a shard holds are not kept.
  explicit RowCache(size_t bytes_max)
      : shard_bytes_max_(bytes_max / kShards), spares_(std::make_shared<Spares>()) {}

  // The row, or null.
  Row find(const RowId& row);
  // Keeps a copy.
  void insert(const RowId& row, std::string_view values);

 private:
  static constexpr size_t kShards = 16;

  // Large buffers whose rows have gone, for the next ones: the allocator would take each from the
  // operating system and give it back, which costs more than reading the row.
  class Spares {
   public:
    std::unique_ptr<std::string> take();
    void give(std::unique_ptr<std::string> buffer);

   private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<std::string>> buffers_;  // guarded by mutex_
  };

  struct Entry {
    uint64_t key;
    Row values;
  };
  struct Shard {
    std::mutex mutex;
    std::list<Entry> entries;  // guarded by mutex; most recently used first
    std::unordered_map<uint64_t, std::list<Entry>::iterator> places;  // guarded by mutex
    size_t bytes = 0;                                                 // guarded by mutex
  };

  static std::optional<uint64_t> key_of(const RowId& row);
  Shard& shard_of(uint64_t key);
  Row copy_of(std::string_view values) const;

  const size_t shard_bytes_max_;
  const std::shared_ptr<Spares> spares_;  // outlives the rows that readers still hold
  std::array<Shard, kShards> shards_;
};

}  // namespace skipcast::storage
