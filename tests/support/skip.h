// Skipping with a reason, temporary folders and the data folder, for every test binary.
#pragma once

#include <string>

namespace skipcast::tests {

// Prints "SKIPPED: reason" and makes the binary exit with 77 unless something failed.
// The caller returns right after. Put tests that may skip into files of their own.
void skip(const std::string& reason);
bool skipped();

// SKIPCAST_DATA_DIR, else shared/data beside the source folder; "" when absent.
std::string data_dir();

// A fresh folder under `parent` (default: the system's temporary folder), removed when the object
// dies.
class TempDir {
 public:
  TempDir();
  explicit TempDir(const std::string& parent);
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace skipcast::tests
