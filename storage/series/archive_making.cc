#include "storage/series/archive_making.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

#include "storage/blocks/block_format.h"
#include "storage/blocks/head_receipt.h"
#include "storage/files/file_io.h"

namespace skipcast::storage {
namespace {

constexpr const char* kMaking = ".making-";

bool worth_compressing(const Schema& schema) {
  return std::any_of(schema.variables.begin(), schema.variables.end(),
                     [](const Variable& v) { return v.codec == Codec::kFloat32; });
}

bool rows_share_blocks(const Schema& schema) {
  const int64_t places = schema.places.count();
  return row_states_for(places) * places * static_cast<int64_t>(sizeof(float)) <
         kDatabaseBlockBytes;
}

// Folders that processes which died left in the making of this target: "city.skc.making-1234-abc".
void remove_left_folders(const std::string& target) {
  const std::filesystem::path parent = std::filesystem::path(target).parent_path();
  const std::string prefix = std::filesystem::path(target).filename().string() + kMaking;
  std::error_code error;
  std::vector<std::filesystem::path> left;
  for (const auto& entry :
       std::filesystem::directory_iterator(parent.empty() ? "." : parent, error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(prefix)) continue;
    const int64_t process = std::strtoll(name.c_str() + prefix.size(), nullptr, 10);
    if (process > 0 && !process_is_alive(process)) left.push_back(entry.path());
  }
  for (const auto& path : left) std::filesystem::remove_all(path, error);
}

}  // namespace

Result<ArchiveMaking> ArchiveMaking::begin(const std::string& path) {
  const std::string target = without_trailing_slashes(path);
  std::error_code error;
  if (std::filesystem::exists(target, error) && !std::filesystem::is_empty(target, error)) {
    return refused(
        fmt::format("'{}' exists and is not empty; choose another name, or append to it "
                    "if it is an archive",
                    target));
  }
  return beside(target);
}

Result<ArchiveMaking> ArchiveMaking::beside(const std::string& path) {
  const std::string target = without_trailing_slashes(path);
  remove_left_folders(target);
  std::string making = fmt::format("{}{}{}-XXXXXX", target, kMaking, ::getpid());
  if (!::mkdtemp(making.data())) return system_error("create", making, errno);
  ::chmod(making.c_str(), 0755);
  return ArchiveMaking(making, target);
}

ArchiveMaking::ArchiveMaking(ArchiveMaking&& other) noexcept
    : folder_(std::exchange(other.folder_, "")), target_(std::move(other.target_)) {}

ArchiveMaking::~ArchiveMaking() {
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

Status ArchiveMaking::fill(const ArchiveConfig& config) const {
  SKIPCAST_TRY_OK(create_head(folder_, config.store_id, chain_start(config.store_id)));
  const auto rows = RowDatabase::open(
      database_path(folder_), database_options(config.schema, RowDatabaseOptions::Access::kCreate));
  if (!rows.ok()) return rows.status();
  return write_config(folder_, config);
}

Status ArchiveMaking::sync_parent() const {
  const auto parent = std::filesystem::path(target_).parent_path();
  return sync_folder(parent.empty() ? "." : parent.string());
}

Status ArchiveMaking::commit() {
  SKIPCAST_TRY_OK(sync_folder(folder_));
  if (std::rename(folder_.c_str(), target_.c_str()) != 0) {
    return system_error("create", target_, errno);
  }
  folder_.clear();
  return sync_parent();
}

Status ArchiveMaking::exchange() {
  SKIPCAST_TRY_OK(sync_folder(folder_));
  if (::renameat2(AT_FDCWD, folder_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) == 0) {
    return sync_parent();
  }
  if (errno != EINVAL && errno != ENOSYS) return system_error("exchange", target_, errno);
  return Status(Code::kUnsupported,
                fmt::format("the file system of '{}' cannot exchange two folders in one step: run "
                            "skipcast backup and put the copy in its place yourself",
                            target_));
}

std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string database_path(const std::string& archive) { return archive + "/db"; }

RowDatabaseOptions database_options(const Schema& schema, RowDatabaseOptions::Access access,
                                    int64_t memory_bytes) {
  const MemoryPlan plan = plan_memory(memory_bytes);
  return {.access = access,
          .compress = worth_compressing(schema),
          .write_buffer_bytes = plan.write_buffer_bytes,
          .open_files_max = access == RowDatabaseOptions::Access::kRead ? -1 : plan.open_files_max,
          .keep_blocks = rows_share_blocks(schema)};
}

}  // namespace skipcast::storage
