// The kernel's calls without libc's names, which libc_calls.cc defines anew in the programmes of
// this folder. Results and errno as libc's.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace skipcast::tests::raw {

inline int open(int folder, const char* path, int flags, mode_t mode = 0) {
  return static_cast<int>(::syscall(SYS_openat, folder, path, flags, mode));
}
inline int open(const char* path, int flags, mode_t mode = 0) {
  return open(AT_FDCWD, path, flags, mode);
}
inline int close(int file) { return static_cast<int>(::syscall(SYS_close, file)); }
inline ssize_t read(int file, void* to, size_t bytes) {
  return ::syscall(SYS_read, file, to, bytes);
}
inline ssize_t pread(int file, void* to, size_t bytes, int64_t offset) {
  return ::syscall(SYS_pread64, file, to, bytes, offset);
}
inline ssize_t write(int file, const void* from, size_t bytes) {
  return ::syscall(SYS_write, file, from, bytes);
}
inline ssize_t pwrite(int file, const void* from, size_t bytes, int64_t offset) {
  return ::syscall(SYS_pwrite64, file, from, bytes, offset);
}
inline int fsync(int file) { return static_cast<int>(::syscall(SYS_fsync, file)); }
inline int fdatasync(int file) { return static_cast<int>(::syscall(SYS_fdatasync, file)); }
inline int ftruncate(int file, int64_t size) {
  return static_cast<int>(::syscall(SYS_ftruncate, file, size));
}
inline int fallocate(int file, int mode, int64_t offset, int64_t bytes) {
  return static_cast<int>(::syscall(SYS_fallocate, file, mode, offset, bytes));
}
inline int rename(int folder, const char* from, int to_folder, const char* to) {
  return static_cast<int>(::syscall(SYS_renameat, folder, from, to_folder, to));
}
inline int link(int folder, const char* from, int to_folder, const char* to) {
  return static_cast<int>(::syscall(SYS_linkat, folder, from, to_folder, to, 0));
}
inline int unlink(int folder, const char* path, int flags = 0) {
  return static_cast<int>(::syscall(SYS_unlinkat, folder, path, flags));
}
inline int mkdir(int folder, const char* path, mode_t mode) {
  return static_cast<int>(::syscall(SYS_mkdirat, folder, path, mode));
}

}  // namespace skipcast::tests::raw
