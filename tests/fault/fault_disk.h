// A disk that fails when it is told to, under one folder of this process.
//
// libc_calls.cc defines libc's file calls anew, so that every call of our code, of RocksDB and of
// the standard library comes by here: no hook in the code under test. Outside the watched folder
// calls go straight to the kernel.
// A fault comes at the n-th call that it could hit, once or from then on. A power cut comes at the
// n-th change: it and all later ones fail, and roll_back() then makes the folder what the disk
// might hold. One object a process, since libc's functions have no other way to it. Thread-safe.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>

#include "tests/fault/disk_journal.h"

namespace skipcast::tests {

struct Fault {
  enum class Kind {
    kIoError,      // EIO from any call
    kNoSpace,      // ENOSPC from calls that may need space
    kShortWrite,   // a write writes half of its bytes
    kInterrupted,  // EINTR; a sticky one interrupts every call once, then lets it pass
  };
  Kind kind = Kind::kIoError;
  int64_t at = 1;       // the n-th call from inject() that this kind can hit
  bool sticky = false;  // and all after it
};

// Deliberate defects, to see that the programmes find them.
enum class Break {
  kNone,
  kLogSync,     // RocksDB's log is not synced, but says so
  kFolderSync,  // folders are not synced
  kHeadSync,    // HEAD is not synced
  kSwallow,     // a write that fails says that it was done
  kWrongError,  // ENOSPC comes as EIO
};
Break break_named(const std::string& name);  // log_sync, ..., wrong_error; any other is kNone

class FaultDisk {
 public:
  static FaultDisk& instance();
  static bool watching() { return watching_.load(std::memory_order_relaxed); }
  // Whether space beyond the end of a file is really reserved (default no).
  static void reserve(bool really) { reserves_ = really; }
  static bool reserves() { return reserves_.load(std::memory_order_relaxed); }

  void watch(const std::string& folder, Break broken = Break::kNone);  // an absolute path
  void unwatch();
  void inject(const Fault& fault);
  void heal();                        // no fault from now on
  void cut_power_at(int64_t change);  // from now on every change is kept in a journal
  // The folder after the power cut. REQUIRES: cut_power_at(), and nothing open for writing.
  void roll_back(std::mt19937_64& random, Tear tear);

  bool fired() const;       // the fault or the power cut came
  int64_t changes() const;  // since watch() or the last cut_power_at()
  int64_t bytes_written(const std::string& suffix) const;  // to such files, since watch()

  // The calls themselves; results and errno as libc's.
  int open(int folder, const char* path, int flags, mode_t mode);
  ssize_t read(int file, void* to, size_t bytes, int64_t offset);  // offset < 0: where it stands
  ssize_t write(int file, const void* from, size_t bytes, int64_t offset);
  int sync(int file, bool data_only);
  int resize(int file, int64_t size);
  int allocate(int file, int mode, int64_t offset, int64_t bytes);
  int rename(const char* from, const char* to);
  int link(const char* from, const char* to);
  int unlink(int folder, const char* path, int flags);
  int mkdir(const char* path, mode_t mode);
  int close(int file);
  bool may_read(int file);  // for stdio's reads; false: they shall fail (errno is set)
  void closed(int file);    // stdio closed it

 private:
  enum class Call { kOpen, kCreate, kRead, kWrite, kSync, kResize, kName, kRemove, kClose };

  FaultDisk() = default;
  static bool is_change(Call call);
  bool can_hit(Call call) const;
  int error_of(Call call);
  std::string watched(int folder, const char* path) const;
  std::string name_of(int file) const;
  bool sync_is_broken(const std::string& path, bool folder) const;

  static std::atomic<bool> watching_, reserves_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::string root_;
  Break broken_ = Break::kNone;
  std::map<int, std::string> files_;  // open files under the folder, by descriptor
  std::map<std::string, int64_t> written_;
  Fault fault_;
  bool armed_ = false, fired_ = false, interrupted_ = false;
  int64_t hits_ = 0, changes_ = 0, cut_at_ = 0;  // cut_at_ = 0: no power cut
  std::unique_ptr<DiskJournal> journal_;
};

}  // namespace skipcast::tests
