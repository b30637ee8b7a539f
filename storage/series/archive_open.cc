#include "storage/series/archive_open.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "storage/files/file_io.h"
#include "storage/series/archive_making.h"

namespace skipcast::storage {
namespace {

constexpr int kReadOnlyAttempts = 4;

// The power may fail while an append is written, and its pages reach the disk in any order: a torn
// tail that looks like damage. When all that HEAD acknowledges lies before it, nothing that was
// promised is lost, and the tail is dropped. Looked at read-only first: damage before that point is
// data loss, and the log stays as it is for salvage.
Result<std::unique_ptr<RowDatabase>> open_rows(const std::string& path, const ArchiveConfig& config,
                                               RowDatabaseOptions options,
                                               const Receipt& acknowledged) {
  const RowDatabaseOptions::Access access = options.access;
  auto rows = RowDatabase::open(database_path(path), options);
  if (rows.status().code() != Code::kDataLoss) return rows;
  options.drop_torn_tail = true;
  options.access = RowDatabaseOptions::Access::kRead;
  auto before_tail = RowDatabase::open(database_path(path), options);
  if (!before_tail.ok()) return rows;
  const auto series =
      walk_blocks(**before_tail, config.schema, config.store_id, {.acknowledged = acknowledged});
  if (!series.ok()) return rows;
  if (access == RowDatabaseOptions::Access::kRead) return before_tail;
  before_tail = rows.status();  // closes it
  options.access = access;
  return RowDatabase::open(database_path(path), options);
}

Result<OpenArchive> open_once(const std::string& path, OpenMode mode,
                              const StoreOptions& store_options) {
  using Access = RowDatabaseOptions::Access;
  const bool writes = mode == OpenMode::kReadWrite;
  SKIPCAST_TRY(ArchiveConfig config, read_config(path));
  // A reader takes HEAD first: what it acknowledges is then in the database it opens after.
  SKIPCAST_TRY(Receipt acknowledged, read_head(path, config.store_id));
  const RowDatabaseOptions options = database_options(
      config.schema, writes ? Access::kWrite : Access::kRead, store_options.memory_bytes);
  auto rows = open_rows(path, config, options, acknowledged);
  if (!rows.ok()) return in_archive(path, rows.status());
  std::optional<HeadFile> head;
  if (writes) {  // now that RocksDB's lock is ours, nobody changes HEAD any more
    SKIPCAST_TRY(acknowledged, read_head(path, config.store_id));
    SKIPCAST_TRY(HeadFile file, HeadFile::open(path, config.store_id));
    head.emplace(std::move(file));
    for (const char* name : {kConfigFile, kConfigCopyFile}) remove_orphans(path + "/" + name);
  }
  auto series = walk_blocks(**rows, config.schema, config.store_id, {acknowledged, !writes});
  if (!series.ok()) return in_archive(path, series.status());
  if (writes && series->last != acknowledged) SKIPCAST_TRY_OK(head->write(series->last));
  return OpenArchive{std::move(config), std::move(*rows), std::move(*series), std::move(head)};
}

}  // namespace

// A writer may delete a log file between a reader's look at the folder and its opening: again.
Result<OpenArchive> open_archive(const std::string& path, OpenMode mode,
                                 const StoreOptions& options) {
  Result<OpenArchive> archive = open_once(path, mode, options);
  for (int attempt = 1; mode == OpenMode::kReadOnly && attempt < kReadOnlyAttempts; ++attempt) {
    const Code code = archive.status().code();
    if (code != Code::kDataLoss && code != Code::kIo) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10 << attempt));
    archive = open_once(path, mode, options);
  }
  return archive;
}

Status create_archive(const std::string& path, const Schema& schema) {
  SKIPCAST_TRY_OK(validate(schema));
  SKIPCAST_TRY(ArchiveMaking making, ArchiveMaking::begin(path));
  SKIPCAST_TRY(const std::string store_id, random_id());
  SKIPCAST_TRY_OK(making.fill({store_id, schema}));
  return making.commit();
}

Status in_archive(const std::string& archive, const Status& status) {
  if (status.code() != Code::kDataLoss) return status;
  return data_loss(
      fmt::format("archive '{}' is damaged: {}. Restore it from a backup, or save "
                  "what "
                  "is sound: skipcast verify '{}' --salvage NEW",
                  archive, status.message(), archive));
}

}  // namespace skipcast::storage
