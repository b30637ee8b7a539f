#include "tests/fault/fault_disk.h"

#include <cerrno>
#include <climits>
#include <cstdlib>

#include "storage/status.h"
#include "tests/fault/raw_calls.h"

namespace skipcast::tests {
namespace {

// Only for calls with a folder's descriptor, which the standard library makes when it clears up.
std::string path_of(int folder, const char* path) {
  if (folder == AT_FDCWD || path[0] == '/') return path;
  char target[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(folder);
  const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
  return length < 0 ? path : std::string(target, static_cast<size_t>(length)) + "/" + path;
}

bool exists(const std::string& path) {
  struct stat state;
  return ::lstat(path.c_str(), &state) == 0;
}

bool is_folder(int file) {
  struct stat state;
  return ::fstat(file, &state) == 0 && S_ISDIR(state.st_mode);
}

int64_t write_offset(int file) {
  const int flags = ::fcntl(file, F_GETFL);
  return ::lseek(file, 0, (flags & O_APPEND) != 0 ? SEEK_END : SEEK_CUR);
}

ssize_t write_through(int file, const void* from, size_t bytes, int64_t offset) {
  return offset < 0 ? raw::write(file, from, bytes) : raw::pwrite(file, from, bytes, offset);
}

int failure(int error) {
  errno = error;
  return -1;
}

}  // namespace

std::atomic<bool> FaultDisk::watching_ = false;
std::atomic<bool> FaultDisk::reserves_ = false;

Break break_named(const std::string& name) {
  if (name == "log_sync") return Break::kLogSync;
  if (name == "folder_sync") return Break::kFolderSync;
  if (name == "head_sync") return Break::kHeadSync;
  if (name == "swallow") return Break::kSwallow;
  if (name == "wrong_error") return Break::kWrongError;
  return Break::kNone;
}

FaultDisk& FaultDisk::instance() {
  static FaultDisk disk;
  return disk;
}

void FaultDisk::watch(const std::string& folder, Break broken) {
  const std::lock_guard lock(mutex_);
  root_ = folder;
  broken_ = broken;
  files_.clear();
  written_.clear();
  armed_ = fired_ = false;
  changes_ = cut_at_ = 0;
  journal_.reset();
  watching_ = true;
}

void FaultDisk::unwatch() {
  const std::lock_guard lock(mutex_);
  watching_ = false;
  journal_.reset();
}

void FaultDisk::inject(const Fault& fault) {
  const std::lock_guard lock(mutex_);
  fault_ = fault;
  armed_ = true;
  fired_ = interrupted_ = false;
  hits_ = 0;
}

void FaultDisk::heal() {
  const std::lock_guard lock(mutex_);
  armed_ = false;
}

void FaultDisk::cut_power_at(int64_t change) {
  const std::lock_guard lock(mutex_);
  cut_at_ = change;
  changes_ = 0;
  fired_ = false;
  if (!journal_) journal_ = std::make_unique<DiskJournal>(root_ + ".limbo");
  journal_->forget();
}

void FaultDisk::roll_back(std::mt19937_64& random, Tear tear) {
  const std::lock_guard lock(mutex_);
  SKIPCAST_CHECK(journal_ != nullptr);
  watching_ = false;
  journal_->roll_back(random, tear);
  cut_at_ = 0;
  watching_ = true;
}

bool FaultDisk::fired() const {
  const std::lock_guard lock(mutex_);
  return fired_;
}

int64_t FaultDisk::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

int64_t FaultDisk::bytes_written(const std::string& suffix) const {
  const std::lock_guard lock(mutex_);
  int64_t bytes = 0;
  for (const auto& [path, count] : written_) bytes += path.ends_with(suffix) ? count : 0;
  return bytes;
}

bool FaultDisk::is_change(Call call) {
  return call != Call::kOpen && call != Call::kRead && call != Call::kClose;
}

bool FaultDisk::can_hit(Call call) const {
  switch (fault_.kind) {
    case Fault::Kind::kIoError:
      return true;
    case Fault::Kind::kNoSpace:
      return is_change(call) && call != Call::kRemove;
    case Fault::Kind::kShortWrite:
      return call == Call::kWrite;
    case Fault::Kind::kInterrupted:
      return call != Call::kName && call != Call::kRemove && call != Call::kClose;
  }
  return false;
}

// What is to become of a call: 0 = carry it out, else it fails with this; -1 = a short write.
int FaultDisk::error_of(Call call) {
  if (is_change(call)) {
    ++changes_;
    if (cut_at_ > 0 && changes_ >= cut_at_) {
      fired_ = true;
      return EIO;
    }
  }
  if (!armed_ || !can_hit(call)) return 0;
  ++hits_;
  if (hits_ < fault_.at || (fired_ && !fault_.sticky)) return 0;
  fired_ = true;
  switch (fault_.kind) {
    case Fault::Kind::kIoError:
      return EIO;
    case Fault::Kind::kNoSpace:
      return broken_ == Break::kWrongError ? EIO : ENOSPC;
    case Fault::Kind::kShortWrite:
      return -1;
    case Fault::Kind::kInterrupted:
      break;
  }
  interrupted_ = !interrupted_;
  return interrupted_ ? EINTR : 0;
}

// The path, when it is under the folder, else "".
std::string FaultDisk::watched(int folder, const char* path) const {
  std::string whole = path_of(folder, path);
  while (whole.size() > 1 && whole.back() == '/') whole.pop_back();
  const bool inside = whole == root_ || whole.starts_with(root_ + "/");
  return inside ? whole : "";
}

std::string FaultDisk::name_of(int file) const {
  const auto found = files_.find(file);
  return found == files_.end() ? "" : found->second;
}

bool FaultDisk::sync_is_broken(const std::string& path, bool folder) const {
  if (folder) return broken_ == Break::kFolderSync;
  return (broken_ == Break::kLogSync && path.ends_with(".log")) ||
         (broken_ == Break::kHeadSync && path.ends_with("/HEAD"));
}

int FaultDisk::open(int folder, const char* path, int flags, mode_t mode) {
  const std::lock_guard lock(mutex_);
  const std::string name = watched(folder, path);
  if (name.empty()) {
    const int file = raw::open(folder, path, flags, mode);
    if (file >= 0) files_.erase(file);
    return file;
  }
  const bool appears = (flags & O_CREAT) != 0 && !exists(name);
  const bool cuts = (flags & O_TRUNC) != 0 && !appears;
  if (const int error = error_of(appears || cuts ? Call::kCreate : Call::kOpen); error > 0) {
    return failure(error);
  }
  if (cuts && journal_) {
    const int old = raw::open(folder, path, O_RDWR | O_CLOEXEC);
    if (old >= 0) journal_->will_resize(old, 0);
    if (old >= 0) raw::close(old);
  }
  const int file = raw::open(folder, path, flags, mode);
  if (file < 0) return file;
  files_[file] = name;
  if (appears && journal_) journal_->appeared(name);
  return file;
}

ssize_t FaultDisk::read(int file, void* to, size_t bytes, int64_t offset) {
  if (!may_read(file)) return -1;
  return offset < 0 ? raw::read(file, to, bytes) : raw::pread(file, to, bytes, offset);
}

bool FaultDisk::may_read(int file) {
  const std::lock_guard lock(mutex_);
  if (name_of(file).empty()) return true;
  const int error = error_of(Call::kRead);
  if (error > 0) errno = error;
  return error <= 0;
}

ssize_t FaultDisk::write(int file, const void* from, size_t bytes, int64_t offset) {
  const std::lock_guard lock(mutex_);
  const std::string name = name_of(file);
  if (name.empty()) return write_through(file, from, bytes, offset);
  const int error = error_of(Call::kWrite);
  if (error > 0 && broken_ == Break::kSwallow) return static_cast<ssize_t>(bytes);
  if (error > 0) return failure(error);
  if (error < 0 && bytes > 1) bytes /= 2;
  if (journal_) {
    journal_->will_write(file, offset < 0 ? write_offset(file) : offset,
                         static_cast<int64_t>(bytes));
  }
  const ssize_t wrote = write_through(file, from, bytes, offset);
  if (wrote > 0) written_[name] += wrote;
  return wrote < 0 && broken_ == Break::kSwallow ? static_cast<ssize_t>(bytes) : wrote;
}

int FaultDisk::sync(int file, bool data_only) {
  const std::lock_guard lock(mutex_);
  const std::string name = name_of(file);
  if (!name.empty()) {
    if (const int error = error_of(Call::kSync); error > 0) return failure(error);
    const bool folder = is_folder(file);
    if (sync_is_broken(name, folder)) return 0;
    if (journal_ && folder) journal_->folder_synced(file);
    if (journal_ && !folder) journal_->synced(file);
  }
  return data_only ? raw::fdatasync(file) : raw::fsync(file);
}

int FaultDisk::resize(int file, int64_t size) {
  const std::lock_guard lock(mutex_);
  if (!name_of(file).empty()) {
    if (const int error = error_of(Call::kResize); error > 0) return failure(error);
    if (journal_) journal_->will_resize(file, size);
  }
  return raw::ftruncate(file, size);
}

int FaultDisk::allocate(int file, int mode, int64_t offset, int64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!name_of(file).empty()) {
    if (const int error = error_of(Call::kResize); error > 0) return failure(error);
    SKIPCAST_CHECK((mode & FALLOC_FL_KEEP_SIZE) != 0);  // nothing for the journal
    if (!reserves()) return 0;
  }
  return raw::fallocate(file, mode, offset, bytes);
}

int FaultDisk::rename(const char* from, const char* to) {
  const std::lock_guard lock(mutex_);
  const std::string name = watched(AT_FDCWD, to);
  if (name.empty() || watched(AT_FDCWD, from).empty()) {
    return raw::rename(AT_FDCWD, from, AT_FDCWD, to);
  }
  if (const int error = error_of(Call::kName); error > 0) return failure(error);
  const std::string replaced = journal_ ? journal_->keep(name) : "";
  const int done = raw::rename(AT_FDCWD, from, AT_FDCWD, to);
  if (done == 0 && journal_) journal_->renamed(from, name, replaced);
  if (done != 0 && !replaced.empty()) raw::unlink(AT_FDCWD, replaced.c_str());
  return done;
}

int FaultDisk::link(const char* from, const char* to) {
  const std::lock_guard lock(mutex_);
  const std::string name = watched(AT_FDCWD, to);
  if (!name.empty()) {
    if (const int error = error_of(Call::kName); error > 0) return failure(error);
  }
  const int done = raw::link(AT_FDCWD, from, AT_FDCWD, to);
  if (done == 0 && !name.empty() && journal_) journal_->appeared(name);
  return done;
}

int FaultDisk::unlink(int folder, const char* path, int flags) {
  const std::lock_guard lock(mutex_);
  const std::string name = watched(folder, path);
  if (name.empty()) return raw::unlink(folder, path, flags);
  if (const int error = error_of(Call::kRemove); error > 0) return failure(error);
  const std::string kept = journal_ ? journal_->keep(name) : "";
  const int done = raw::unlink(folder, path, flags);
  if (done == 0 && journal_) journal_->vanished(name, kept);
  if (done != 0 && !kept.empty()) raw::unlink(AT_FDCWD, kept.c_str());
  return done;
}

int FaultDisk::mkdir(const char* path, mode_t mode) {
  const std::lock_guard lock(mutex_);
  const std::string name = watched(AT_FDCWD, path);
  if (name.empty()) return raw::mkdir(AT_FDCWD, path, mode);
  if (exists(name)) return failure(EEXIST);
  if (const int error = error_of(Call::kName); error > 0) return failure(error);
  const int done = raw::mkdir(AT_FDCWD, path, mode);
  if (done == 0 && journal_) journal_->made_folder(name);
  return done;
}

// The descriptor is free afterwards, whatever close() says.
int FaultDisk::close(int file) {
  const std::lock_guard lock(mutex_);
  const int error = name_of(file).empty() ? 0 : error_of(Call::kClose);
  files_.erase(file);
  const int done = raw::close(file);
  return error > 0 ? failure(error) : done;
}

void FaultDisk::closed(int file) {
  const std::lock_guard lock(mutex_);
  files_.erase(file);
}

}  // namespace skipcast::tests
