// What a folder owes its disk: every change since the last sync that covers it, and how to undo
// it. After a power cut, roll_back() leaves what a disk might really hold.
//
// A sync of a file makes its bytes durable, not its name; a sync of a folder makes the names in
// it durable, not their bytes. Changes are undone by inode and by open folder, so that renames in
// between do not matter. Removed and replaced files are kept by hard links in `limbo`, a folder
// beside the watched one. Not thread-safe: FaultDisk calls it under its lock.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace skipcast::tests {

// Which unsynced bytes of a file survive a power cut.
enum class Tear {
  kPrefix,  // the first so many writes, the last of them cut at any byte
  kPages,   // any of its pages of 4 KiB; lost ones hold what was there before, or zeros
};

class DiskJournal {
 public:
  explicit DiskJournal(std::string limbo);  // made when absent
  ~DiskJournal();                           // forgets, and removes `limbo`
  DiskJournal(const DiskJournal&) = delete;
  DiskJournal& operator=(const DiskJournal&) = delete;

  // NetworkChoice before the change is made; `file` may be open for writing only.
  void will_write(int file, int64_t offset, int64_t bytes);
  void will_resize(int file, int64_t size);
  // A hard link that keeps the file of this name alive; "" when there is none.
  std::string keep(const std::string& path);

  // NetworkChoice after the change was made.
  void synced(int file);
  void folder_synced(int folder);
  void appeared(const std::string& path);  // a file or a hard link
  void made_folder(const std::string& path);
  void vanished(const std::string& path, const std::string& kept);
  void renamed(const std::string& from, const std::string& to, const std::string& replaced);

  // Everything that was not synced is kept in part, by chance. Nothing may have the files open
  // for writing. Afterwards all that is there counts as durable.
  void roll_back(std::mt19937_64& random, Tear tear);
  void forget();  // all that is there counts as durable

 private:
  struct ByteChange {
    int64_t offset, bytes, old_size;  // bytes < 0: resized to `offset`
    std::string old;                  // the bytes that were overwritten or cut off
  };
  struct File {
    int shadow = -1;  // our own descriptor, for reading and writing
    std::vector<ByteChange> changes;
  };
  struct NameChange {
    enum class Kind { kAppeared, kMadeFolder, kVanished, kRenamed };
    Kind kind;
    int64_t order;
    std::string name, from, kept;
  };
  struct Folder {
    int descriptor = -1;
    std::vector<NameChange> changes;
  };

  File& file_of(int file);
  Folder& folder_of(const std::string& path);
  void add(const std::string& path, NameChange change);
  void roll_back_file(File& file, std::mt19937_64& random, Tear tear);
  void roll_back_names(std::mt19937_64& random);
  void undo(const Folder& folder, const NameChange& change);

  const std::string limbo_;
  int64_t next_ = 0;
  std::map<ino_t, File> files_;
  std::map<ino_t, Folder> folders_;
};

}  // namespace skipcast::tests
