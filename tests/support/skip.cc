#include "tests/support/skip.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace skipcast::tests {
namespace {
bool skipped_any = false;
}

void skip(const std::string& reason) {
  std::printf("SKIPPED: %s\n", reason.c_str());
  skipped_any = true;
}

bool skipped() { return skipped_any; }

std::string data_dir() {
  if (const char* folder = std::getenv("SKIPCAST_DATA_DIR")) {
    return std::filesystem::is_directory(folder) ? folder : "";
  }
  const char* source = std::getenv("SKIPCAST_SOURCE_DIR");
  const auto path = std::filesystem::path(source ? source : ".") / "../shared/data";
  return std::filesystem::is_directory(path) ? std::filesystem::canonical(path).string() : "";
}

TempDir::TempDir() : TempDir(std::filesystem::temp_directory_path().string()) {}

TempDir::TempDir(const std::string& parent) {
  std::string pattern = (std::filesystem::path(parent) / "skipcast-XXXXXX").string();
  if (!mkdtemp(pattern.data())) std::abort();
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace skipcast::tests
