// labels: unit
// What nvcc makes of the kernels: no multiplication is fused with an addition, and divisions and
// roots are the rounded ones; else their bits would not be the CPU's.
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"

namespace {

std::string nvcc() {
  for (const char* path : {"nvcc", "/usr/local/cuda/bin/nvcc"}) {
    if (std::system((std::string(path) + " --version >/dev/null 2>&1").c_str()) == 0) return path;
  }
  return "";
}

size_t count(const std::string& text, const std::string& word) {
  size_t found = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

TEST_CASE("Device kernels: nvcc fuses and approximates nothing") {
  const std::string compiler = nvcc();
  const char* source = std::getenv("SKIPCAST_SOURCE_DIR");
  if (compiler.empty()) return skipcast::tests::skip("no nvcc here");
  REQUIRE(source != nullptr);
  const skipcast::tests::TempDir folder;
  const std::string ptx = folder.file("kernels.ptx");
  const std::string command = compiler + " -std=c++17 -fmad=false -arch=sm_80 -I" + source +
                              " -ptx " + source + "/samplers/device_kernels.cu -o " + ptx;
  REQUIRE(std::system(command.c_str()) == 0);
  std::ifstream file(ptx);
  std::stringstream text;
  text << file.rdbuf();
  CHECK(count(text.str(), "mul.f32") + count(text.str(), "mul.rn.f32") > 20);
  CHECK(count(text.str(), "div.rn.f32") >= 4);
  CHECK(count(text.str(), "sqrt.rn.f32") >= 2);
  CHECK(count(text.str(), "fma.") == 0);
  CHECK(count(text.str(), ".approx") == 0);
  CHECK(count(text.str(), ".ftz") == 0);
}

}  // namespace
