#include "storage/file_io.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace skipcast::storage {
namespace {

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

Status write_and_sync(const std::string& path, std::string_view bytes) {
  FileHandle file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.is_open()) return system_error("create", path, errno);
  SKIPCAST_TRY_OK(write_at(file, path, 0, bytes));
  if (::fsync(file.get()) != 0) return system_error("sync", path, errno);
  if (!file.close()) return system_error("close", path, errno);
  return Status();
}

}  // namespace

FileHandle::~FileHandle() { close(); }

FileHandle::FileHandle(FileHandle&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileHandle& FileHandle::operator=(FileHandle&& other) noexcept {
  if (this != &other) {
    close();
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

bool FileHandle::close() {
  if (descriptor_ < 0) return true;
  return ::close(std::exchange(descriptor_, -1)) == 0;
}

Status system_error(std::string_view doing, const std::string& path, int error_number) {
  const std::string message =
      fmt::format("cannot {} '{}': {}", doing, path, std::strerror(error_number));
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return Status(Code::kNoSpace, message + "; free some space and run again");
    case ENOENT: return not_found(message);
    default: return io_error(message);
  }
}

Status write_at(const FileHandle& file, const std::string& path, int64_t offset,
                std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(file.get(), bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("write", path, errno);
    bytes.remove_prefix(static_cast<size_t>(written));
    offset += written;
  }
  return Status();
}

Status sync_folder(const std::string& path) {
  FileHandle folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return system_error("open", path, errno);
  if (::fsync(folder.get()) != 0) return system_error("sync", path, errno);
  return Status();
}

Status write_file_durably(const std::string& path, std::string_view bytes) {
  const std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  if (Status status = write_and_sync(temporary, bytes); !status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const Status status = system_error("rename to", path, errno);
    ::unlink(temporary.c_str());
    return status;
  }
  return sync_folder(folder_of(path));
}

Result<std::string> read_file(const std::string& path, int64_t bytes_max) {
  FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return system_error("open", path, errno);
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return system_error("inspect", path, errno);
  if (!S_ISREG(info.st_mode)) return io_error(fmt::format("'{}' is not a file", path));
  if (info.st_size > bytes_max) {
    return data_loss(fmt::format("'{}' has {} bytes, more than the {} it can have", path,
                                 info.st_size, bytes_max));
  }
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = ::pread(file.get(), bytes.data() + filled, bytes.size() - filled,
                                static_cast<off_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read", path, errno);
    if (got == 0) break;  // it shrank while we read
    filled += static_cast<size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

Result<std::string> random_id() {
  unsigned char bytes[16];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) {
    return io_error("the operating system gave no random bytes");
  }
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace skipcast::storage
