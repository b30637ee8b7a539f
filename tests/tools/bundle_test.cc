// labels: slow
// The promise of tools/bundle: a folder that runs with a LibTorch named at run time.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/support/program.h"
#include "tests/support/skip.h"
#include "tests/support/tiny_city.h"

using namespace skipcast::tests;

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

TEST_CASE("Bundle: runs with a LibTorch of the user's, and says what is wrong without one") {
  const std::string source = environment("SKIPCAST_SOURCE_DIR");
  const std::string build = environment("SKIPCAST_BINARY_DIR");
  if (build.empty()) return skip("run by ctest only: SKIPCAST_BINARY_DIR is not set");
  const TempDir folder;
  const TinyCity tiny(folder.path());
  REQUIRE(tiny.ingest().exit_code == 0);
  const std::string out = folder.file("bundle"), program = out + "/skipcast";
  const ProgramRun made = run_program({source + "/tools/bundle", "--build", build, out});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  CHECK(std::filesystem::exists(out + "/lib/librocksdb.so.7.8"));
  CHECK_FALSE(std::filesystem::exists(out + "/lib/libtorch_cpu.so"));
  CHECK_FALSE(std::filesystem::exists(out + "/lib/libc.so.6"));

  const ProgramRun none = run_program({program, "--torch", folder.path(), "inspect", "x"});
  CHECK(none.exit_code == 2);
  CHECK(none.err.find("no LibTorch under '" + folder.path() + "'") != std::string::npos);
  const ProgramRun inspected =
      run_program({program, "--torch", SKIPCAST_TORCH_ROOT, "inspect", folder.file("city.skc")});
  REQUIRE_MESSAGE(inspected.exit_code == 0, inspected.err);
  CHECK(inspected.out.find("places") != std::string::npos);

  const ProgramRun again = run_program({source + "/tools/bundle", "--build", build, out});
  CHECK(again.exit_code == 1);
  CHECK(again.err.find("is not empty") != std::string::npos);
}
