#include "tests/fault/disk_journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "storage/status.h"
#include "tests/fault/raw_calls.h"

namespace skipcast::tests {
namespace {

constexpr int64_t kPage = 4096;

std::string folder_name(const std::string& path) { return path.substr(0, path.rfind('/')); }
std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

struct stat state_of(int file) {
  struct stat state {};
  SKIPCAST_CHECK(::fstat(file, &state) == 0);
  return state;
}

std::string read_range(int file, int64_t offset, int64_t bytes) {
  std::string text(static_cast<size_t>(std::max<int64_t>(0, bytes)), '\0');
  if (text.empty()) return text;
  SKIPCAST_CHECK(raw::pread(file, text.data(), text.size(), offset) == bytes);
  return text;
}

void replace_content(int file, std::string_view text) {
  SKIPCAST_CHECK(raw::ftruncate(file, static_cast<int64_t>(text.size())) == 0);
  for (size_t done = 0; done < text.size();) {
    const auto at = static_cast<int64_t>(done);
    const ssize_t wrote = raw::pwrite(file, text.data() + done, text.size() - done, at);
    SKIPCAST_CHECK(wrote > 0);
    done += static_cast<size_t>(wrote);
  }
}

int64_t below(std::mt19937_64& random, int64_t end) {
  return static_cast<int64_t>(random() % static_cast<uint64_t>(end));
}

// How many of n changes survive: none, all, or some.
int64_t survivors(std::mt19937_64& random, int64_t n) {
  const int64_t chance = below(random, 4);
  return chance == 0 ? 0 : chance == 1 ? n : below(random, n + 1);
}

// Every page of `before` or of `after`; the end where one of them ends, or after the last new page.
std::string mixed_pages(const std::string& before, const std::string& after,
                        std::mt19937_64& random) {
  std::string mixed = before;
  int64_t end = static_cast<int64_t>(before.size());
  mixed.resize(std::max(before.size(), after.size()), '\0');
  for (int64_t at = 0; at < static_cast<int64_t>(after.size()); at += kPage) {
    const int64_t bytes = std::min(kPage, static_cast<int64_t>(after.size()) - at);
    const std::string_view fresh = std::string_view(after).substr(at, bytes);
    if (fresh == std::string_view(mixed).substr(at, bytes) || below(random, 2) == 0) continue;
    std::memcpy(mixed.data() + at, fresh.data(), fresh.size());
    end = std::max(end, at + bytes);
  }
  const bool zeros_behind = below(random, 2) == 0;  // the size reached the disk, the pages did not
  mixed.resize(static_cast<size_t>(zeros_behind ? std::max<int64_t>(end, after.size()) : end));
  return mixed;
}

}  // namespace

DiskJournal::DiskJournal(std::string limbo) : limbo_(std::move(limbo)) {
  raw::mkdir(AT_FDCWD, limbo_.c_str(), 0755);
}

DiskJournal::~DiskJournal() {
  forget();
  raw::unlink(AT_FDCWD, limbo_.c_str(), AT_REMOVEDIR);
}

DiskJournal::File& DiskJournal::file_of(int file) {
  File& found = files_[state_of(file).st_ino];
  if (found.shadow < 0) {
    const std::string link = fmt::format("/proc/self/fd/{}", file);
    found.shadow = raw::open(link.c_str(), O_RDWR | O_CLOEXEC);
    SKIPCAST_CHECK(found.shadow >= 0);
  }
  return found;
}

DiskJournal::Folder& DiskJournal::folder_of(const std::string& path) {
  const int descriptor = raw::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  SKIPCAST_CHECK(descriptor >= 0);
  Folder& folder = folders_[state_of(descriptor).st_ino];
  if (folder.descriptor >= 0) {
    raw::close(descriptor);
  } else {
    folder.descriptor = descriptor;
  }
  return folder;
}

void DiskJournal::will_write(int file, int64_t offset, int64_t bytes) {
  const int64_t size = state_of(file).st_size;
  File& journal = file_of(file);
  const int64_t overwritten = std::min(bytes, size - offset);
  journal.changes.push_back({offset, bytes, size, read_range(journal.shadow, offset, overwritten)});
}

void DiskJournal::will_resize(int file, int64_t size) {
  const int64_t old_size = state_of(file).st_size;
  if (old_size == size) return;
  File& journal = file_of(file);
  journal.changes.push_back(
      {size, -1, old_size, read_range(journal.shadow, size, old_size - size)});
}

void DiskJournal::synced(int file) {
  const auto found = files_.find(state_of(file).st_ino);
  if (found == files_.end()) return;
  raw::close(found->second.shadow);
  files_.erase(found);
}

void DiskJournal::folder_synced(int folder) {
  const auto found = folders_.find(state_of(folder).st_ino);
  if (found == folders_.end()) return;
  for (const NameChange& change : found->second.changes) {
    if (!change.kept.empty()) raw::unlink(AT_FDCWD, change.kept.c_str());
  }
  found->second.changes.clear();
}

std::string DiskJournal::keep(const std::string& path) {
  const std::string kept = fmt::format("{}/{}", limbo_, next_++);
  return raw::link(AT_FDCWD, path.c_str(), AT_FDCWD, kept.c_str()) == 0 ? kept : "";
}

void DiskJournal::add(const std::string& path, NameChange change) {
  change.order = next_++;
  change.name = file_name(path);
  folder_of(folder_name(path)).changes.push_back(std::move(change));
}

void DiskJournal::appeared(const std::string& path) {
  add(path, {.kind = NameChange::Kind::kAppeared});
}

void DiskJournal::made_folder(const std::string& path) {
  add(path, {.kind = NameChange::Kind::kMadeFolder});
}

void DiskJournal::vanished(const std::string& path, const std::string& kept) {
  SKIPCAST_CHECK(!kept.empty());
  add(path, {.kind = NameChange::Kind::kVanished, .kept = kept});
}

void DiskJournal::renamed(const std::string& from, const std::string& to,
                          const std::string& replaced) {
  SKIPCAST_CHECK(folder_name(from) == folder_name(to));
  add(to, {.kind = NameChange::Kind::kRenamed, .from = file_name(from), .kept = replaced});
}

void DiskJournal::roll_back_file(File& file, std::mt19937_64& random, Tear tear) {
  const auto take_back = [](std::string& text, const ByteChange& change) {
    const size_t at = static_cast<size_t>(change.offset);
    if (text.size() < at + change.old.size()) text.resize(at + change.old.size());
    std::memcpy(text.data() + at, change.old.data(), change.old.size());
    text.resize(static_cast<size_t>(change.old_size), '\0');
  };
  const std::string now = read_range(file.shadow, 0, state_of(file.shadow).st_size);
  const auto changes = static_cast<int64_t>(file.changes.size());
  const int64_t kept = tear == Tear::kPages ? 0 : survivors(random, changes);
  std::string text = now, after = now;  // before and after the change `kept`
  for (int64_t i = changes; i-- > kept;) {
    after = text;
    take_back(text, file.changes[static_cast<size_t>(i)]);
  }
  if (tear == Tear::kPages) {
    text = mixed_pages(text, now, random);
  } else if (kept < changes && file.changes[static_cast<size_t>(kept)].bytes > 0) {
    const ByteChange& torn = file.changes[static_cast<size_t>(kept)];
    const int64_t reached = torn.offset + below(random, torn.bytes + 1);
    const auto end = std::min(static_cast<size_t>(reached), after.size());
    if (text.size() < end) text.resize(end, '\0');
    for (size_t i = static_cast<size_t>(torn.offset); i < end; ++i) text[i] = after[i];
  }
  replace_content(file.shadow, text);
}

void DiskJournal::undo(const Folder& folder, const NameChange& change) {
  using Kind = NameChange::Kind;
  const int at = folder.descriptor;
  const char* const name = change.name.c_str();
  int done = 0;
  if (change.kind == Kind::kAppeared) done = raw::unlink(at, name);
  if (change.kind == Kind::kRenamed) done = raw::rename(at, name, at, change.from.c_str());
  if (change.kind == Kind::kMadeFolder) {
    std::filesystem::remove_all(fmt::format("/proc/self/fd/{}/{}", at, change.name));
  }
  if (!change.kept.empty()) done |= raw::rename(AT_FDCWD, change.kept.c_str(), at, name);
  SKIPCAST_CHECK(done == 0);
}

// Of every folder the first so many changes survive; the others are undone, newest first.
void DiskJournal::roll_back_names(std::mt19937_64& random) {
  struct Undo {
    const Folder* folder;
    const NameChange* change;
  };
  std::vector<Undo> lost;
  for (const auto& [inode, folder] : folders_) {
    const auto changes = static_cast<int64_t>(folder.changes.size());
    for (int64_t i = survivors(random, changes); i < changes; ++i) {
      lost.push_back({&folder, &folder.changes[static_cast<size_t>(i)]});
    }
  }
  std::sort(lost.begin(), lost.end(),
            [](const Undo& a, const Undo& b) { return a.change->order > b.change->order; });
  for (const Undo& one : lost) undo(*one.folder, *one.change);
}

void DiskJournal::roll_back(std::mt19937_64& random, Tear tear) {
  for (auto& [inode, file] : files_) roll_back_file(file, random, tear);
  roll_back_names(random);
  forget();
}

void DiskJournal::forget() {
  for (const auto& [inode, file] : files_) raw::close(file.shadow);
  for (const auto& [inode, folder] : folders_) {
    for (const NameChange& change : folder.changes) {
      if (!change.kept.empty()) raw::unlink(AT_FDCWD, change.kept.c_str());
    }
    raw::close(folder.descriptor);
  }
  files_.clear();
  folders_.clear();
}

}  // namespace skipcast::tests
