// The adapter around RocksDB: atomic synced batches, gets and scans of byte records.
//
// Tested with RocksDB 7.8.3. Known defects it guards against: the default recovery mode drops
// acknowledged records after a damaged one and reports success (we set
// kTolerateCorruptedTailRecords; HEAD finds what that mode cannot); its info log ends the process
// when the disk is full (none is kept). Thread-safe. RocksDB's headers and exceptions stay in
// row_database.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/status.h"

namespace rocksdb {
struct Options;
}

namespace skipcast::storage {

// Records up to this size share a block of RocksDB's files with others.
inline constexpr int64_t kDatabaseBlockBytes = 16 * 1024;

struct Record {
  std::string key, value;
};

struct RowDatabaseOptions {
  enum class Access { kCreate, kWrite, kRead };
  Access access = Access::kRead;
  bool compress = true;  // zstd in RocksDB's files; pointless when all rows are compressed
  size_t write_buffer_bytes = size_t{64} << 20;
  // -1: all. A reader keeps all files open, since another process's compaction may delete them.
  int32_t open_files_max = -1;
  size_t block_cache_bytes = size_t{2} << 20;  // small: SeriesStore caches decoded rows instead
  // Take the log up to its first damaged record (kPointInTimeRecovery) instead of refusing it. Only
  // for a caller who checks against HEAD that nothing acknowledged lay behind; opening for writing
  // then drops the rest.
  bool drop_torn_tail = false;
  bool keep_blocks = true;  // put blocks that gets read into the cache; not worth it for large rows
};

// The options every archive's database is opened with; benches open their raw opponent with them.
rocksdb::Options rocksdb_options(const RowDatabaseOptions& options);

class RowDatabase {
 public:
  // kLocked when another process writes, kNoSpace, kDataLoss (names the file), kIo.
  static Result<std::unique_ptr<RowDatabase>> open(const std::string& path,
                                                   const RowDatabaseOptions& options);
  virtual ~RowDatabase() = default;

  // All records or none, surviving power loss when it returns ok.
  virtual Status write_synced(std::span<const Record> records) = 0;

  // Calls visit(i, value) for every key, in order; an absent key or a failing visit ends it.
  // Keys must be sorted. kDataLoss when a key is absent or RocksDB finds damage.
  using Visit = std::function<Status(size_t, std::string_view)>;
  virtual Status get_all(std::span<const std::string> keys, const Visit& visit) const = 0;

  // Visits all records with begin <= key < end, in key order.
  using VisitRecord = std::function<Status(std::string_view, std::string_view)>;
  virtual Status scan(std::string_view begin, std::string_view end,
                      const VisitRecord& visit) const = 0;
  // The largest key with begin <= key < end; "" when there is none or it cannot be read.
  virtual std::string last_key(std::string_view begin, std::string_view end) const = 0;

  // Opens and reads every file of the database and checks RocksDB's own checksums. kNotFound when
  // one is not there: lost, or deleted by another process's compaction since this one opened.
  virtual Status verify_checksums() const = 0;
};

// Makes a database out of whatever RocksDB can still read in the folder, which it changes: give it
// a copy. Records are missing afterwards, never invented; seals tell which are sound. kIo.
Status repair_database(const std::string& path, const RowDatabaseOptions& options);

}  // namespace skipcast::storage
