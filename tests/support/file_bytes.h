// Whole files as bytes, for tests that compare or damage them.
#pragma once

#include <fstream>
#include <sstream>
#include <string>

namespace skipcast::tests {

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

inline void overwrite(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace skipcast::tests
