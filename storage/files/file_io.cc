#include "storage/files/file_io.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
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
int open_descriptor(const std::string& path, int flags, mode_t mode = 0) {
  int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  while (descriptor < 0 && errno == EINTR) {
    descriptor = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  }
  return descriptor;
}

std::string temporary_of(const std::string& path, int64_t process) {
  return fmt::format("{}.{}.tmp", path, process);
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
    case EFBIG:
      return Status(Code::kNoSpace, message + "; free some space and run again");
    case ENOENT:
      return not_found(message);
    default:
      return io_error(message);
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
  FileHandle folder(open_descriptor(path, O_RDONLY | O_DIRECTORY));
  if (!folder.is_open()) return system_error("open", path, errno);
  if (sync_file(folder.get()) != 0) return system_error("sync", path, errno);
  return Status();
}

DurableFile::DurableFile(std::string path, std::string temporary, FileHandle file)
    : path_(std::move(path)), temporary_(std::move(temporary)), file_(std::move(file)) {}

DurableFile::DurableFile(DurableFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::move(other.file_)) {}

DurableFile::~DurableFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<DurableFile> DurableFile::create(const std::string& path) {
  std::string temporary = temporary_of(path, ::getpid());
  FileHandle file(open_descriptor(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  if (!file.is_open()) return system_error("create", temporary, errno);
  return DurableFile(path, std::move(temporary), std::move(file));
}

Status DurableFile::write(int64_t offset, std::string_view bytes) {
  return write_at(file_, temporary_, offset, bytes);
}

Status DurableFile::sync() {
  if (sync_file(file_.get()) != 0) return system_error("sync", temporary_, errno);
  return Status();
}

Status DurableFile::commit() {
  SKIPCAST_TRY_OK(sync());
  if (!file_.close()) return system_error("close", temporary_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return system_error("rename to", path_, errno);
  }
  temporary_.clear();
  return sync_folder(folder_of(path_));
}

void remove_orphans(const std::string& path) {
  const std::string prefix = std::filesystem::path(path).filename().string() + ".";
  std::error_code error;
  std::filesystem::directory_iterator it(folder_of(path), error), end;
  for (; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    int process = 0;
    if (!name.starts_with(prefix)) continue;
    const auto [rest, failed] =
        std::from_chars(name.data() + prefix.size(), name.data() + name.size(), process);
    if (failed != std::errc() || std::string_view(rest) != ".tmp") continue;
    if (process > 0 && !process_is_alive(process)) ::unlink(it->path().c_str());
  }
}

Status write_file_durably(const std::string& path, std::string_view bytes) {
  SKIPCAST_TRY(DurableFile file, DurableFile::create(path));
  SKIPCAST_TRY_OK(file.write(0, bytes));
  return file.commit();
}

Result<OpenedFile> open_file(const std::string& path, int64_t bytes_max) {
  OpenedFile opened{FileHandle(open_descriptor(path, O_RDONLY)), 0};
  if (!opened.file.is_open()) return system_error("open", path, errno);
  struct stat info;
  if (::fstat(opened.file.get(), &info) != 0) return system_error("inspect", path, errno);
  if (!S_ISREG(info.st_mode)) return io_error(fmt::format("'{}' is not a file", path));
  if (info.st_size > bytes_max) {
    return data_loss(fmt::format("'{}' has {} bytes, more than the {} it can have", path,
                                 info.st_size, bytes_max));
  }
  opened.bytes = info.st_size;
  return opened;
}

Status read_at(const FileHandle& file, const std::string& path, int64_t offset,
               std::span<char> out) {
  while (!out.empty()) {
    const ssize_t got = ::pread(file.get(), out.data(), out.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read", path, errno);
    if (got == 0) return data_loss(fmt::format("'{}' ends too early", path));
    out = out.subspan(static_cast<size_t>(got));
    offset += got;
  }
  return Status();
}

Result<std::string> read_file(const std::string& path, int64_t bytes_max) {
  SKIPCAST_TRY(const OpenedFile opened, open_file(path, bytes_max));
  std::string bytes(static_cast<size_t>(opened.bytes), '\0');
  SKIPCAST_TRY_OK(read_at(opened.file, path, 0, bytes));
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
