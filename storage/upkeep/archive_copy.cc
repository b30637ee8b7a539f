#include "storage/upkeep/archive_copy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <span>
#include <vector>

#include "storage/blocks/block_format.h"
#include "storage/files/file_io.h"
#include "storage/series/archive_making.h"
#include "storage/series/archive_open.h"
#include "storage/upkeep/series_verify.h"

namespace skipcast::storage {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBatchBytes = size_t{8} << 20;

// Entries that are not the series': what else lies in an archive's folder.
bool belongs_to_series(const fs::path& entry) {
  const std::string name = entry.filename();
  return name == kConfigFile || name == kConfigCopyFile || name == kHeadFile || name == "db";
}

// Calls visit(path, path relative to the archive) for all folders and files that go along, folders
// before what is in them.
template <typename Visit>
Status visit_others(const std::string& archive, const Visit& visit) {
  std::error_code error;
  fs::recursive_directory_iterator it(archive, error), end;
  for (; !error && it != end; it.increment(error)) {
    if (it.depth() == 0 && belongs_to_series(it->path())) {
      it.disable_recursion_pending();
      continue;
    }
    if (it->path().extension() == ".tmp") continue;
    SKIPCAST_TRY_OK(visit(*it, it->path().lexically_relative(archive)));
  }
  return error ? system_error("list", archive, error.value()) : Status();
}

int64_t folder_bytes(const std::string& folder) {
  int64_t bytes = 0;
  std::error_code error;
  fs::recursive_directory_iterator it(folder, error), end;
  for (; !error && it != end; it.increment(error)) {
    std::error_code gone;
    const auto size = it->is_regular_file(gone) ? it->file_size(gone) : 0;
    if (!gone) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

Status make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  return error ? system_error("create", folder, error.value()) : Status();
}

// Makes the entries of all folders that go along survive power loss.
Status sync_others(const std::string& archive) {
  SKIPCAST_TRY_OK(visit_others(archive, [](const fs::directory_entry& entry, const fs::path&) {
    return entry.is_directory() ? sync_folder(entry.path()) : Status();
  }));
  return sync_folder(archive);
}

Status copy_others(const std::string& from, const std::string& to) {
  SKIPCAST_TRY_OK(
      visit_others(from, [&](const fs::directory_entry& entry, const fs::path& relative) {
        const fs::path target = fs::path(to) / relative;
        if (entry.is_directory()) return make_folder(target);
        if (!entry.is_regular_file()) return Status();
        const Status copied = copy_file_durably(entry.path(), target);
        // Replaced or deleted by another process since it was listed: then it is not part of the
        // copy.
        return copied.code() == Code::kNotFound ? Status() : copied;
      }));
  return sync_others(to);
}

// Records on their way into another database, written in large synced batches.
class RecordSink {
 public:
  explicit RecordSink(RowDatabase& rows) : rows_(rows) {}

  Status add(std::string_view key, std::string_view value) {
    records_.push_back({std::string(key), std::string(value)});
    bytes_ += key.size() + value.size();
    return bytes_ < kBatchBytes ? Status() : flush();
  }
  Status flush() {
    const Status written = records_.empty() ? Status() : rows_.write_synced(records_);
    records_.clear();
    bytes_ = 0;
    return written;
  }

 private:
  RowDatabase& rows_;
  std::vector<Record> records_;
  size_t bytes_ = 0;
};

bool tell_block(const Progress& progress, int64_t block, int64_t blocks) {
  return tell(progress, {static_cast<double>(block) / static_cast<double>(blocks), "copy",
                         fmt::format("block {} of {}", block, blocks)});
}

Status stopped() { return Status(Code::kInterrupted, "the copy was stopped; nothing was changed"); }

Status copy_records(const OpenArchive& archive, const std::string& path, const std::string& folder,
                    const Progress& progress) {
  SKIPCAST_TRY(const auto rows,
               RowDatabase::open(
                   database_path(folder),
                   database_options(archive.config.schema, RowDatabaseOptions::Access::kWrite)));
  RecordSink sink(*rows);
  const int64_t blocks = archive.series.table.count();
  const auto take = [&](std::string_view key, std::string_view value) {
    return sink.add(key, value);
  };
  for (int64_t block = 1; block <= blocks; ++block) {
    SKIPCAST_TRY_OK(in_archive(path, check_block(archive, block, take).status()));
    if (!tell_block(progress, block, blocks)) return stopped();
  }
  return sink.flush();
}

// All states of the open store, eight MiB at a time, into the new archive in `folder`.
Status rewrite_states(const SeriesStore& from, const std::string& folder,
                      const Progress& progress) {
  SKIPCAST_TRY(const auto to, SeriesStore::open(folder, OpenMode::kReadWrite));
  const auto state_bytes = from.schema().state_values() * static_cast<int64_t>(sizeof(float));
  const int64_t aligned = static_cast<int64_t>(kBatchBytes) / state_bytes / kRowStates * kRowStates;
  const int64_t chunk = std::max<int64_t>(1, aligned), size = from.size();
  std::vector<int32_t> variables;
  for (size_t i = 0; i < from.schema().variables.size(); ++i) {
    variables.push_back(static_cast<int32_t>(i));
  }
  StateBlock block;
  for (; block.first < size; block.first += chunk) {
    block.states = std::min(chunk, size - block.first);
    block.values.resize(static_cast<size_t>(block.states * from.schema().state_values()));
    SKIPCAST_TRY_OK(from.read(block.first, block.states, variables, block.values));
    SKIPCAST_TRY_OK(to->append(block).status());
    if (!tell_block(progress, block.first + block.states, size)) return stopped();
  }
  return Status();
}

// Links what else is in the archive into the folder that takes its place, unless there is a newer
// file of that name.
Status link_others(const std::string& archive, const std::string& folder) {
  SKIPCAST_TRY_OK(
      visit_others(archive, [&](const fs::directory_entry& entry, const fs::path& relative) {
        const fs::path target = fs::path(folder) / relative;
        std::error_code error;
        if (entry.is_directory()) return make_folder(target);
        if (fs::exists(target, error)) {
          if (fs::last_write_time(target, error) >= entry.last_write_time(error)) return Status();
          fs::remove(target, error);
        }
        fs::create_hard_link(entry.path(), target, error);
        return error ? system_error("link", target, error.value()) : Status();
      }));
  return sync_others(folder);
}

// RocksDB's own lock, taken in its place: no other process opens the archive for writing.
Result<FileHandle> lock_database(const std::string& archive) {
  const std::string path = database_path(archive) + "/LOCK";
  FileHandle file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.is_open()) return system_error("open", path, errno);
  struct flock whole = {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(file.get(), F_SETLK, &whole) == 0) return file;
  return Status(Code::kLocked,
                fmt::format("another process writes to '{}': wait for it to end", archive));
}

Result<CopyReport> reported(const VerifyReport& verified, const std::string& folder,
                            int64_t bytes_before) {
  return CopyReport{verified.blocks, verified.states, folder_bytes(folder), bytes_before};
}

}  // namespace

Status copy_file_durably(const std::string& from, const std::string& to) {
  SKIPCAST_TRY(const OpenedFile source, open_file(from, std::numeric_limits<int64_t>::max()));
  SKIPCAST_TRY(DurableFile target, DurableFile::create(to));
  std::vector<char> buffer(size_t{1} << 20);
  for (int64_t offset = 0; offset < source.bytes;) {
    const auto count = std::min(static_cast<int64_t>(buffer.size()), source.bytes - offset);
    const std::span<char> piece = std::span(buffer).first(static_cast<size_t>(count));
    SKIPCAST_TRY_OK(read_at(source.file, from, offset, piece));
    SKIPCAST_TRY_OK(target.write(offset, {piece.data(), piece.size()}));
    offset += count;
  }
  return target.commit();
}

Result<CopyReport> copy_archive(const std::string& from, const std::string& to,
                                const Progress& progress) {
  const std::string path = without_trailing_slashes(from);
  SKIPCAST_TRY(const OpenArchive archive, open_checked(path));
  SKIPCAST_TRY(ArchiveMaking making, ArchiveMaking::begin(to));
  SKIPCAST_TRY_OK(making.fill(archive.config));
  SKIPCAST_TRY_OK(copy_records(archive, path, making.folder(), progress));
  {
    SKIPCAST_TRY(HeadFile head, HeadFile::open(making.folder(), archive.config.store_id));
    if (archive.series.last.block > 0) SKIPCAST_TRY_OK(head.write(archive.series.last));
  }
  SKIPCAST_TRY_OK(copy_others(path, making.folder()));
  SKIPCAST_TRY(const VerifyReport verified, verify_series(making.folder(), progress));
  SKIPCAST_TRY_OK(making.commit());
  return reported(verified, without_trailing_slashes(to), folder_bytes(path));
}

Result<CopyReport> compact_archive(const std::string& archive, const Progress& progress) {
  const std::string path = without_trailing_slashes(archive);
  const int64_t bytes_before = folder_bytes(path);
  SKIPCAST_TRY(auto store, SeriesStore::open(path, OpenMode::kReadWrite));
  SKIPCAST_TRY(ArchiveMaking making, ArchiveMaking::beside(path));
  SKIPCAST_TRY_OK(making.fill({store->store_id(), store->schema()}));
  SKIPCAST_TRY_OK(rewrite_states(*store, making.folder(), progress));
  SKIPCAST_TRY(const VerifyReport verified, verify_series(making.folder(), progress));
  SKIPCAST_TRY_OK(link_others(path, making.folder()));
  const Receipt copied = store->last();
  const std::string store_id = store->store_id(), tasks = store->schema().tasks_json;
  store.reset();  // RocksDB knows its folder by name: closed before the name changes hands
  SKIPCAST_TRY(const FileHandle lock, lock_database(path));
  SKIPCAST_TRY(const Receipt now, read_head(path, store_id));
  SKIPCAST_TRY(const ArchiveConfig config, read_config(path));
  if (now != copied || config.schema.tasks_json != tasks) {
    return Status(Code::kLocked,
                  fmt::format("another process wrote to '{}' just now: run again", path));
  }
  SKIPCAST_TRY_OK(making.exchange());
  SKIPCAST_TRY_OK(link_others(making.folder(), path));  // models saved in between
  return reported(verified, path, bytes_before);
}

}  // namespace skipcast::storage
