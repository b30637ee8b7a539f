// An archive in the making: built in a folder beside its target and renamed when it is whole, so
// that a half-made archive never bears the target's name. Not thread-safe.
#pragma once

#include <string>

#include "storage/series/archive_config.h"
#include "storage/series/memory_plan.h"
#include "storage/series/row_database.h"
#include "storage/status.h"

namespace skipcast::storage {

class ArchiveMaking {
 public:
  // An empty folder beside `target`. kRefused when the target exists and is not empty.
  static Result<ArchiveMaking> begin(const std::string& target);
  // The same for exchange(): the target is an archive.
  static Result<ArchiveMaking> beside(const std::string& target);
  ~ArchiveMaking();  // removes the folder, unless it was committed
  ArchiveMaking(ArchiveMaking&& other) noexcept;
  ArchiveMaking& operator=(ArchiveMaking&&) = delete;

  const std::string& folder() const { return folder_; }

  // Makes the folder an archive without states: HEAD, db/, CONFIG.json.
  Status fill(const ArchiveConfig& config) const;

  // Syncs the folder and renames it to the target, durably.
  Status commit();
  // Syncs the folder and exchanges it with the target in one step; the folder then holds what the
  // target held and is removed with this object. kUnsupported where the file system cannot.
  Status exchange();

 private:
  ArchiveMaking(std::string folder, std::string target)
      : folder_(std::move(folder)), target_(std::move(target)) {}
  Status sync_parent() const;

  std::string folder_;  // "" = committed
  std::string target_;
};

// "archive/" and "archive" are one archive.
std::string without_trailing_slashes(std::string path);
std::string database_path(const std::string& archive);
// Options for the database of an archive with this schema.
RowDatabaseOptions database_options(const Schema& schema, RowDatabaseOptions::Access access,
                                    int64_t memory_bytes = kMemoryBytesDefault);

}  // namespace skipcast::storage
