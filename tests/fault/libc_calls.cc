// libc's file calls, defined anew: the linker binds those of this program and of its shared
// libraries to them. Straight to the kernel unless a FaultDisk is at work.
#include <dlfcn.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "tests/fault/fault_disk.h"
#include "tests/fault/raw_calls.h"

using skipcast::tests::FaultDisk;
namespace raw = skipcast::tests::raw;

namespace {

FaultDisk& disk() { return FaultDisk::instance(); }

int open_at(int folder, const char* path, int flags, mode_t mode) {
  if (!FaultDisk::watching()) return raw::open(folder, path, flags, mode);
  return disk().open(folder, path, flags, mode);
}

int unlink_at(int folder, const char* path, int flags) {
  if (!FaultDisk::watching()) return raw::unlink(folder, path, flags);
  return disk().unlink(folder, path, flags);
}

template <typename Function>
Function* next_definition(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

mode_t mode_of(int flags, va_list list) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? static_cast<mode_t>(va_arg(list, unsigned)) : 0;
}

}  // namespace

#define SKIPCAST_DEFINE_OPEN(name)               \
  int name(const char* path, int flags, ...) {   \
    va_list list;                                \
    va_start(list, flags);                       \
    const mode_t mode = mode_of(flags, list);    \
    va_end(list);                                \
    return open_at(AT_FDCWD, path, flags, mode); \
  }
#define SKIPCAST_DEFINE_OPENAT(name)                       \
  int name(int folder, const char* path, int flags, ...) { \
    va_list list;                                          \
    va_start(list, flags);                                 \
    const mode_t mode = mode_of(flags, list);              \
    va_end(list);                                          \
    return open_at(folder, path, flags, mode);             \
  }

extern "C" {

SKIPCAST_DEFINE_OPEN(open)
SKIPCAST_DEFINE_OPEN(open64)
SKIPCAST_DEFINE_OPENAT(openat)
SKIPCAST_DEFINE_OPENAT(openat64)

ssize_t read(int file, void* to, size_t bytes) {
  return FaultDisk::watching() ? disk().read(file, to, bytes, -1) : raw::read(file, to, bytes);
}
ssize_t pread(int file, void* to, size_t bytes, off_t offset) {
  return FaultDisk::watching() ? disk().read(file, to, bytes, offset)
                               : raw::pread(file, to, bytes, offset);
}
ssize_t pread64(int file, void* to, size_t bytes, off64_t offset) {
  return ::pread(file, to, bytes, offset);
}
ssize_t write(int file, const void* from, size_t bytes) {
  return FaultDisk::watching() ? disk().write(file, from, bytes, -1)
                               : raw::write(file, from, bytes);
}
ssize_t pwrite(int file, const void* from, size_t bytes, off_t offset) {
  return FaultDisk::watching() ? disk().write(file, from, bytes, offset)
                               : raw::pwrite(file, from, bytes, offset);
}
ssize_t pwrite64(int file, const void* from, size_t bytes, off64_t offset) {
  return ::pwrite(file, from, bytes, offset);
}
int fsync(int file) { return FaultDisk::watching() ? disk().sync(file, false) : raw::fsync(file); }
int fdatasync(int file) {
  return FaultDisk::watching() ? disk().sync(file, true) : raw::fdatasync(file);
}
// A hint to the kernel: it makes nothing durable.
int sync_file_range(int, off64_t, off64_t, unsigned) { return 0; }
int ftruncate(int file, off_t size) noexcept {
  return FaultDisk::watching() ? disk().resize(file, size) : raw::ftruncate(file, size);
}
int ftruncate64(int file, off64_t size) noexcept { return ::ftruncate(file, size); }
// RocksDB reserves 70 MiB for its log, which a disk in memory fills with zeros: not done unless
// the disk's being full is the point.
int fallocate(int file, int mode, off_t offset, off_t bytes) {
  if (FaultDisk::watching()) return disk().allocate(file, mode, offset, bytes);
  if ((mode & FALLOC_FL_KEEP_SIZE) != 0 && !FaultDisk::reserves()) return 0;
  return raw::fallocate(file, mode, offset, bytes);
}
int rename(const char* from, const char* to) noexcept {
  return FaultDisk::watching() ? disk().rename(from, to)
                               : raw::rename(AT_FDCWD, from, AT_FDCWD, to);
}
int link(const char* from, const char* to) noexcept {
  return FaultDisk::watching() ? disk().link(from, to) : raw::link(AT_FDCWD, from, AT_FDCWD, to);
}
int unlink(const char* path) noexcept { return unlink_at(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char* path, int flags) noexcept {
  return unlink_at(folder, path, flags);
}
int rmdir(const char* path) noexcept { return unlink_at(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char* path) noexcept {
  const int done = ::unlink(path);
  return done != 0 && (errno == EISDIR || errno == EPERM) ? ::rmdir(path) : done;
}
int mkdir(const char* path, mode_t mode) noexcept {
  return FaultDisk::watching() ? disk().mkdir(path, mode) : raw::mkdir(AT_FDCWD, path, mode);
}
// glibc's own would call the kernel behind our back.
char* mkdtemp(char* pattern) noexcept {
  char* const digits = pattern + std::strlen(pattern) - 6;
  for (int attempt = 0; attempt < 100; ++attempt) {
    static std::atomic<unsigned> next = 0;
    const unsigned number = static_cast<unsigned>(::getpid()) * 7919 + next++;
    std::snprintf(digits, 7, "%06x", number & 0xffffff);
    if (::mkdir(pattern, 0700) == 0) return pattern;
    if (errno != EEXIST) return nullptr;
  }
  return nullptr;
}
int close(int file) { return FaultDisk::watching() ? disk().close(file) : raw::close(file); }

// RocksDB pauses for a second after a failed background job; on a failing disk that is all it does.
int usleep(useconds_t us) {
  static const auto next = next_definition<decltype(usleep)>("usleep");
  return next(FaultDisk::watching() ? std::min<useconds_t>(us, 1000) : us);
}

// RocksDB reads its logs and MANIFEST through stdio.
size_t fread_unlocked(void* to, size_t size, size_t count, FILE* file) {
  static const auto next = next_definition<decltype(fread_unlocked)>("fread_unlocked");
  if (FaultDisk::watching() && !disk().may_read(::fileno(file))) {
    file->_flags |= _IO_ERR_SEEN;  // as if the kernel had refused
    return 0;
  }
  return next(to, size, count, file);
}
int fclose(FILE* file) {
  static const auto next = next_definition<decltype(fclose)>("fclose");
  if (FaultDisk::watching()) disk().closed(::fileno(file));
  return next(file);
}

}  // extern "C"
