#include "storage/series/row_database.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>

#include "storage/series/table_guard.h"

namespace skipcast::storage {
namespace {

constexpr size_t kKeysAtOnce = 128;
constexpr size_t kProtectionBytes = 8;

bool mentions(const std::string& text, std::string_view word) {
  return text.find(word) != std::string::npos;
}

Status from_rocksdb(const rocksdb::Status& status, const std::string& path) {
  if (status.ok()) return Status();
  const std::string text = status.ToString();
  if (status.IsNoSpace() || mentions(text, "File too large") || mentions(text, "quota exceeded")) {
    return Status(Code::kNoSpace,
                  fmt::format("no space left for '{}': what is stored stays readable; free some "
                              "space and run again ({})",
                              path, text));
  }
  if (mentions(text, "lock hold by current process") || mentions(text, "While lock file")) {
    return Status(Code::kLocked,
                  fmt::format("another process writes to '{}': wait for it to end", path));
  }
  if (status.IsCorruption() || status.IsNotFound() || mentions(text, "No such file")) {
    return data_loss(fmt::format("the database in '{}': {}", path, text));
  }
  return io_error(fmt::format("the database in '{}' failed: {}", path, text));
}

// RocksDB's diary is not kept: a reader leaves nothing of its own in an archive, and in a writer's
// process a diary that cannot be written (a full disk) would end it by an assertion.
class SilentLogger final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

class RocksRows final : public RowDatabase {
 public:
  RocksRows(std::unique_ptr<rocksdb::DB> db, std::string path, bool keep_blocks)
      : db_(std::move(db)), path_(std::move(path)) {
    get_options_.fill_cache = keep_blocks;
  }

  Status write_synced(std::span<const Record> records) override {
    size_t bytes = 0;
    for (const Record& record : records) bytes += record.key.size() + record.value.size() + 16;
    rocksdb::WriteBatch batch(bytes + 16, 0, kProtectionBytes, 0);
    for (const Record& record : records) {
      const rocksdb::Status status = batch.Put(record.key, record.value);
      if (!status.ok()) return from_rocksdb(status, path_);
    }
    rocksdb::WriteOptions options;
    options.sync = true;
    return from_rocksdb(db_->Write(options, &batch), path_);
  }

  Status get_all(std::span<const std::string> keys, const Visit& visit) const override {
    for (size_t begin = 0; begin < keys.size(); begin += kKeysAtOnce) {
      const size_t count = std::min(kKeysAtOnce, keys.size() - begin);
      SKIPCAST_TRY_OK(get_some(keys.subspan(begin, count), begin, visit));
    }
    return Status();
  }

  Status scan(std::string_view begin, std::string_view end,
              const VisitRecord& visit) const override {
    const rocksdb::Slice lower(begin), upper(end);
    const auto it = iterator(lower, upper);
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      SKIPCAST_TRY_OK(visit(it->key().ToStringView(), it->value().ToStringView()));
    }
    return from_rocksdb(it->status(), path_);
  }

  std::string last_key(std::string_view begin, std::string_view end) const override {
    const rocksdb::Slice lower(begin), upper(end);
    const auto it = iterator(lower, upper);
    it->SeekToLast();
    return it->Valid() ? it->key().ToString() : "";
  }

  Status verify_checksums() const override {
    const rocksdb::Status status = db_->VerifyChecksum(rocksdb::ReadOptions());
    // Deleted after RocksDB opened it and before it asked for the size, a file counts as empty.
    // (One that is empty is found when the database is opened.)
    const bool gone = status.IsPathNotFound() || mentions(status.ToString(), "too short (0 bytes)");
    if (!gone) return from_rocksdb(status, path_);
    return not_found(fmt::format("the database in '{}': {}", path_, status.ToString()));
  }

 private:
  // The bounds must outlive it.
  std::unique_ptr<rocksdb::Iterator> iterator(const rocksdb::Slice& lower,
                                              const rocksdb::Slice& upper) const {
    rocksdb::ReadOptions options;
    options.iterate_lower_bound = &lower;
    options.iterate_upper_bound = &upper;
    options.fill_cache = false;
    return std::unique_ptr<rocksdb::Iterator>(db_->NewIterator(options));
  }

  Status get_some(std::span<const std::string> keys, size_t begin, const Visit& visit) const {
    std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
    std::vector<rocksdb::PinnableSlice> values(keys.size());
    std::vector<rocksdb::Status> statuses(keys.size());
    if (keys.size() == 1) {
      statuses[0] = db_->Get(get_options_, db_->DefaultColumnFamily(), slices[0], &values[0]);
    } else {
      db_->MultiGet(get_options_, db_->DefaultColumnFamily(), keys.size(), slices.data(),
                    values.data(), statuses.data(), true);
    }
    for (size_t i = 0; i < keys.size(); ++i) {
      SKIPCAST_TRY_OK(from_rocksdb(statuses[i], path_));
      SKIPCAST_TRY_OK(visit(begin + i, values[i].ToStringView()));
    }
    return Status();
  }

  const std::unique_ptr<rocksdb::DB> db_;
  const std::string path_;
  rocksdb::ReadOptions get_options_;  // constant after construction
};

}  // namespace

rocksdb::Options rocksdb_options(const RowDatabaseOptions& options) {
  rocksdb::Options settings;
  settings.env = guarded_env();
  settings.wal_recovery_mode = options.drop_torn_tail
                                   ? rocksdb::WALRecoveryMode::kPointInTimeRecovery
                                   : rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  settings.compression = options.compress ? rocksdb::kZSTD : rocksdb::kNoCompression;
  settings.bottommost_compression = settings.compression;
  settings.max_open_files = options.open_files_max;
  settings.info_log = std::make_shared<SilentLogger>();
  settings.write_buffer_size = options.write_buffer_bytes;
  settings.allow_fallocate = false;  // else every open log takes 64 MiB of the disk beforehand
  rocksdb::BlockBasedTableOptions table;
  table.checksum = rocksdb::kXXH3;
  table.format_version = 5;
  table.block_size = kDatabaseBlockBytes;
  table.block_cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  settings.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return settings;
}

Status repair_database(const std::string& path, const RowDatabaseOptions& options) {
  const rocksdb::Options settings = rocksdb_options(options);
  const rocksdb::Status status = rocksdb::RepairDB(path, settings);
  if (status.ok()) return Status();
  return io_error(fmt::format("RocksDB cannot repair '{}': {}", path, status.ToString()));
}

Result<std::unique_ptr<RowDatabase>> RowDatabase::open(const std::string& path,
                                                       const RowDatabaseOptions& options) {
  using Access = RowDatabaseOptions::Access;
  rocksdb::Options settings = rocksdb_options(options);
  settings.create_if_missing = options.access == Access::kCreate;
  settings.error_if_exists = options.access == Access::kCreate;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = options.access == Access::kRead
                                     ? rocksdb::DB::OpenForReadOnly(settings, path, &db)
                                     : rocksdb::DB::Open(settings, path, &db);
  std::unique_ptr<rocksdb::DB> owned(db);
  if (!status.ok()) return from_rocksdb(status, path);
  return std::unique_ptr<RowDatabase>(
      std::make_unique<RocksRows>(std::move(owned), path, options.keep_blocks));
}

}  // namespace skipcast::storage
