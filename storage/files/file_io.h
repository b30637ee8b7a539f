// Files that survive power loss: written whole beside the target, synced, renamed, folder synced.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/status.h"

namespace skipcast::storage {

// Replaces `path` by the bytes: readers see the old file or the new one, never a mix, and the
// new one survives power loss once this returns. kNoSpace and kIo leave the old file untouched.
Status write_file_durably(const std::string& path, std::string_view bytes);

// A file opened for reading, and its size. Errors as read_file().
struct OpenedFile;
Result<OpenedFile> open_file(const std::string& path, int64_t bytes_max);

// The whole file. kNotFound when absent, kIo when unreadable, kDataLoss when it is larger than
// `bytes_max` (nothing of that size is ours).
Result<std::string> read_file(const std::string& path, int64_t bytes_max);

// False when no process has this number (or nobody can).
bool process_is_alive(int64_t process);

// Makes the folder's entries (created, renamed, removed files) survive power loss.
Status sync_folder(const std::string& path);

// 32 hex digits from the operating system's random source.
Result<std::string> random_id();

// The failure of a system call on `path`: kNoSpace for a full disk, quota or size limit
// (ENOSPC, EDQUOT, EFBIG), kNotFound for ENOENT, else kIo. `doing`: "write", "open", ...
Status system_error(std::string_view doing, const std::string& path, int error_number);

// fsync and fdatasync that go on after a signal; as the calls they are named after.
int sync_file(int descriptor);
int sync_file_data(int descriptor);

// An open file descriptor, closed when the object dies.
class FileHandle {
 public:
  explicit FileHandle(int descriptor = -1) : descriptor_(descriptor) {}
  ~FileHandle();
  FileHandle(FileHandle&& other) noexcept;
  FileHandle& operator=(FileHandle&& other) noexcept;

  bool is_open() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }
  // Closes and says whether that failed (errno is set).
  bool close();

 private:
  int descriptor_;
};

struct OpenedFile {
  FileHandle file;
  int64_t bytes = 0;
};

// A file written in pieces: beside the target until commit() puts it there. Removes what it wrote
// when it dies uncommitted, so a failure leaves the old file and nothing else.
class DurableFile {
 public:
  static Result<DurableFile> create(const std::string& path);
  DurableFile(DurableFile&& other) noexcept;
  ~DurableFile();

  Status write(int64_t offset, std::string_view bytes);
  Status sync();    // the bytes survive power loss, though nobody sees them yet
  Status commit();  // sync(), rename, sync of the folder

 private:
  DurableFile(std::string path, std::string temporary, FileHandle file);

  std::string path_, temporary_;  // temporary_ empty: nothing to remove
  FileHandle file_;
};

// Removes what writers of `path` left behind that died: their temporary files. Writers at work in
// other processes are left alone.
void remove_orphans(const std::string& path);

// Fills `out` from `offset`, retrying short reads and EINTR. kDataLoss when the file ends before.
Status read_at(const FileHandle& file, const std::string& path, int64_t offset,
               std::span<char> out);

// Writes all bytes at `offset`, retrying short writes and EINTR.
Status write_at(const FileHandle& file, const std::string& path, int64_t offset,
                std::string_view bytes);

}  // namespace skipcast::storage
