#include "tests/fuzz/target.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "storage/files/file_io.h"

namespace skipcast::fuzz {
namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() {
    std::error_code error;
    const bool memory = fs::is_directory("/dev/shm", error);
    path = (memory ? fs::path("/dev/shm") : fs::temp_directory_path()) / "skipcast-fuzz-XXXXXX";
    SKIPCAST_CHECK(mkdtemp(path.data()) != nullptr);
  }
  ~Folder() {
    std::error_code error;
    fs::remove_all(path, error);
  }
  std::string path;
};

}  // namespace

void check_refusal(const Status& status, std::string_view file) {
  const Code code = status.code();
  const bool usual = code == Code::kBadInput || code == Code::kNotFound ||
                     code == Code::kDataLoss || code == Code::kUnsupported;
  const std::string& text = status.message();
  const bool printable = std::all_of(text.begin(), text.end(),
                                     [](char c) { return static_cast<unsigned char>(c) >= 32; });
  const bool sentence = text.size() > 12 && text.find(file) != std::string::npos && printable;
  if (!usual || !sentence) fmt::print(stderr, "refused with: {}: {}\n", code_name(code), text);
  SKIPCAST_CHECK(usual);
  SKIPCAST_CHECK(sentence);
}

bool breaks(std::string_view word) {
  static const char* const broken = std::getenv("SKIPCAST_BREAK");
  return broken && broken == word;
}

const std::string& scratch_folder() {
  static const Folder folder;
  return folder.path;
}

std::string scratch_file(const std::string& name, std::string_view bytes) {
  const std::string path = scratch_folder() + "/" + name;
  const storage::FileHandle file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  SKIPCAST_CHECK(file.is_open());
  SKIPCAST_CHECK(storage::write_at(file, path, 0, bytes).ok());
  return path;
}

}  // namespace skipcast::fuzz
