#include "storage/archive_open.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "storage/block_format.h"
#include "storage/file_io.h"

namespace skipcast::storage {
namespace {

constexpr int kReadOnlyAttempts = 4;

bool worth_compressing(const Schema& schema) {
  return std::any_of(schema.variables.begin(), schema.variables.end(),
                     [](const Variable& v) { return v.codec == Codec::kFloat32; });
}

bool rows_share_blocks(const Schema& schema) {
  const int64_t places = schema.places.count();
  return row_states_for(places) * places * static_cast<int64_t>(sizeof(float)) <
         kDatabaseBlockBytes;
}

std::string database_path(const std::string& archive) { return archive + "/db"; }

Result<OpenArchive> open_once(const std::string& path, OpenMode mode) {
  using Access = RowDatabaseOptions::Access;
  const bool writes = mode == OpenMode::kReadWrite;
  SKIPCAST_TRY(ArchiveConfig config, read_config(path));
  // A reader takes HEAD first: what it acknowledges is then in the database it opens after.
  SKIPCAST_TRY(Receipt acknowledged, read_head(path, config.store_id));
  const RowDatabaseOptions options{.access = writes ? Access::kWrite : Access::kRead,
                                   .compress = worth_compressing(config.schema),
                                   .keep_blocks = rows_share_blocks(config.schema)};
  auto rows = RowDatabase::open(database_path(path), options);
  if (!rows.ok()) return in_archive(path, rows.status());
  std::optional<HeadFile> head;
  if (writes) {  // now that RocksDB's lock is ours, nobody changes HEAD any more
    SKIPCAST_TRY(acknowledged, read_head(path, config.store_id));
    SKIPCAST_TRY(HeadFile file, HeadFile::open(path, config.store_id));
    head.emplace(std::move(file));
  }
  auto series = walk_blocks(**rows, config.schema, config.store_id, {acknowledged, !writes});
  if (!series.ok()) return in_archive(path, series.status());
  if (writes && series->last != acknowledged) SKIPCAST_TRY_OK(head->write(series->last));
  return OpenArchive{std::move(config), std::move(*rows), std::move(*series), std::move(head)};
}

Status fill_new_archive(const std::string& folder, const Schema& schema) {
  SKIPCAST_TRY(const std::string store_id, random_id());
  SKIPCAST_TRY_OK(create_head(folder, store_id, chain_start(store_id)));
  const auto rows = RowDatabase::open(
      database_path(folder), {.access = RowDatabaseOptions::Access::kCreate,
                              .compress = worth_compressing(schema)});
  if (!rows.ok()) return rows.status();
  return write_config(folder, {store_id, schema});
}

}  // namespace

// A writer may delete a log file between a reader's look at the folder and its opening: again.
Result<OpenArchive> open_archive(const std::string& path, OpenMode mode) {
  Result<OpenArchive> archive = open_once(path, mode);
  for (int attempt = 1; mode == OpenMode::kReadOnly && attempt < kReadOnlyAttempts; ++attempt) {
    const Code code = archive.status().code();
    if (code != Code::kDataLoss && code != Code::kIo) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10 << attempt));
    archive = open_once(path, mode);
  }
  return archive;
}

Status create_archive(const std::string& path, const Schema& schema) {
  SKIPCAST_TRY_OK(validate(schema));
  const std::string target = without_trailing_slashes(path);
  std::error_code error;
  if (std::filesystem::exists(target, error) && !std::filesystem::is_empty(target, error)) {
    return refused(fmt::format("'{}' exists and is not empty; choose another name, or append to it "
                               "if it is an archive", target));
  }
  // Built beside the target and renamed: a half-made archive never bears its name.
  std::string making = target + ".making-XXXXXX";
  if (!::mkdtemp(making.data())) return system_error("create", making, errno);
  Status status = fill_new_archive(making, schema);
  ::chmod(making.c_str(), 0755);
  if (status.ok()) status = sync_folder(making);
  if (status.ok() && std::rename(making.c_str(), target.c_str()) != 0) {
    status = system_error("create", target, errno);
  }
  if (!status.ok()) {
    std::filesystem::remove_all(making, error);
    return status;
  }
  const auto parent = std::filesystem::path(target).parent_path();
  return sync_folder(parent.empty() ? "." : parent.string());
}

std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

Status in_archive(const std::string& archive, const Status& status) {
  if (status.code() != Code::kDataLoss) return status;
  return data_loss(fmt::format("archive '{}' is damaged: {}. Restore it from a copy, or ingest the "
                               "source files into a new archive", archive, status.message()));
}

}  // namespace skipcast::storage
