#include "tests/support/programme.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace skipcast::tests {
namespace {

[[noreturn]] void usage(const char* program, const std::vector<std::string>& breaks) {
  fmt::print(stderr, "usage: {} [--seed=N] [--count=N] [--workload=NAME] [--break={}]\n", program,
             fmt::join(breaks, "|"));
  std::exit(2);
}

}  // namespace

Arguments parse_arguments(int argc, char** argv, int64_t count,
                          const std::vector<std::string>& breaks) {
  Arguments arguments{.count = count};
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (name == "--seed") {
      arguments.seed = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--count") {
      arguments.count = std::strtoll(value.c_str(), nullptr, 10);
    } else if (name == "--workload") {
      arguments.workload = value;
    } else if (name == "--break" && std::count(breaks.begin(), breaks.end(), value) == 1) {
      arguments.broken = value;
    } else {
      usage(argv[0], breaks);
    }
  }
  return arguments;
}

int verdict(const Arguments& arguments, const std::string& complaint) {
  const bool found = !complaint.empty();
  if (found) fmt::print("{}: {}\n", arguments.broken.empty() ? "FAILED" : "FOUND", complaint);
  if (!arguments.broken.empty() && !found) {
    fmt::print("FAILED: the defect '{}' was not found\n", arguments.broken);
  }
  return found == arguments.broken.empty() ? 1 : 0;
}

void count_aloud(int64_t done, const char* what) {
  if (done % 1000 != 0) return;
  fmt::print("{} {}\n", done, what);
  std::fflush(stdout);
}

MemoryDir::MemoryDir()
    : TempDir(std::filesystem::is_directory("/dev/shm")
                  ? "/dev/shm"
                  : std::filesystem::temp_directory_path().string()) {}

}  // namespace skipcast::tests
