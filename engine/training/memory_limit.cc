#include "engine/training/memory_limit.h"

#include <algorithm>
#include <fstream>
#include <optional>

namespace skipcast::engine {
namespace {

std::optional<int64_t> number_in(const std::string& path) {
  std::ifstream in(path);
  int64_t number = 0;
  return in >> number ? std::optional(number) : std::nullopt;  // "max" is no number
}

std::optional<int64_t> system_available(const std::string& path) {
  std::ifstream in(path);
  std::string name, unit;
  for (int64_t kb = 0; in >> name >> kb >> unit;) {
    if (name == "MemAvailable:") return kb * 1024;
  }
  return std::nullopt;
}

}  // namespace

int64_t available_memory_bytes(const std::string& root) {
  const std::string group = root + "/sys/fs/cgroup/memory.";
  int64_t available = system_available(root + "/proc/meminfo").value_or(0);
  const auto limit = number_in(group + "max"), used = number_in(group + "current");
  if (!limit || !used) return available;
  const int64_t left = std::max<int64_t>(0, *limit - *used);
  return available == 0 ? left : std::min(available, left);
}

}  // namespace skipcast::engine
