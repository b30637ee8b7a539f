#include "storage/file_io.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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

// open() that goes on after a signal.
int open_file(const char* path, int flags, mode_t mode = 0) {
  int descriptor = ::open(path, flags | O_CLOEXEC, mode);
  while (descriptor < 0 && errno == EINTR) descriptor = ::open(path, flags | O_CLOEXEC, mode);
  return descriptor;
}

Status write_and_sync(const std::string& path, std::string_view bytes) {
  FileHandle file(open_file(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644));
  if (!file.is_open()) return system_error("create", path, errno);
  SKIPCAST_TRY_OK(write_at(file, path, 0, bytes));
  if (sync_file(file.get()) != 0) return system_error("sync", path, errno);
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

int sync_file(int descriptor) {
  int failed = ::fsync(descriptor);
  while (failed != 0 && errno == EINTR) failed = ::fsync(descriptor);
  return failed;
}

int sync_file_data(int descriptor) {
  int failed = ::fdatasync(descriptor);
  while (failed != 0 && errno == EINTR) failed = ::fdatasync(descriptor);
  return failed;
}

bool process_is_alive(int64_t process) {
  return ::kill(static_cast<pid_t>(process), 0) == 0 || errno == EPERM;
}

// "CONFIG.json.1234.tmp": 1234 is the process that was writing it.
std::vector<std::string> left_temporaries(const std::string& folder) {
  std::vector<std::string> left;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::filesystem::path name = entry.path().filename();
    const std::string process = name.stem().extension();
    const bool numbered = process.size() > 1 && process.size() < 12 &&
                          process.find_first_not_of("0123456789", 1) == std::string::npos;
    if (name.extension() != ".tmp" || !numbered) continue;
    if (!process_is_alive(std::stoll(process.substr(1)))) left.push_back(entry.path());
  }
  std::sort(left.begin(), left.end());
  return left;
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
  FileHandle folder(open_file(path.c_str(), O_RDONLY | O_DIRECTORY));
  if (!folder.is_open()) return system_error("open", path, errno);
  if (sync_file(folder.get()) != 0) return system_error("sync", path, errno);
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
  FileHandle file(open_file(path.c_str(), O_RDONLY));
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
