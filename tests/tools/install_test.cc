// labels: install slow
// The promise of find_package(skipcast): an install into an empty folder, and a ten-line program
// that is configured, built and run against it.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "tests/support/program.h"
#include "tests/support/skip.h"
#include "tests/support/tiny_city.h"

using namespace skipcast::tests;

namespace {

const char* const kConsumerCMake = R"(cmake_minimum_required(VERSION 3.25)
project(consumer CXX)
set(CMAKE_CXX_STANDARD 20)
find_package(skipcast 0.1 REQUIRED)
add_executable(consumer main.cc)
target_link_libraries(consumer PRIVATE skipcast::engine)
)";

const char* const kConsumerMain = R"(#include <cstdio>
#include "engine/data/task.h"
#include "storage/series/series_store.h"
int main(int, char** argv) {
  using namespace skipcast::storage;
  auto store = SeriesStore::open(argv[1], OpenMode::kReadOnly);
  if (!store.ok()) return std::puts(store.status().message().c_str()), 1;
  for (const auto& name : skipcast::engine::task_names(**store)) std::puts(name.c_str());
  std::printf("%lld states\n", static_cast<long long>((*store)->size()));
}
)";

std::string binary_dir() {
  const char* folder = std::getenv("SKIPCAST_BINARY_DIR");
  return folder != nullptr ? folder : "";
}

}  // namespace

TEST_CASE("Install: a ten-line program finds skipcast, builds and reads an archive") {
  if (binary_dir().empty()) return skip("run by ctest only: SKIPCAST_BINARY_DIR is not set");
  const TempDir folder;
  const TinyCity tiny(folder.path());
  REQUIRE(tiny.ingest().exit_code == 0);
  const std::string prefix = folder.file("prefix"), build = folder.file("build");
  const ProgramRun installed =
      run_program({"cmake", "--install", binary_dir(), "--prefix", prefix});
  REQUIRE_MESSAGE(installed.exit_code == 0, installed.err);
  write_file(folder.file("CMakeLists.txt"), kConsumerCMake);
  write_file(folder.file("main.cc"), kConsumerMain);
  const ProgramRun configured =
      run_program({"cmake", "-S", folder.path(), "-B", build, "-DCMAKE_PREFIX_PATH=" + prefix});
  REQUIRE_MESSAGE(configured.exit_code == 0, (configured.out + configured.err));
  const ProgramRun built = run_program({"cmake", "--build", build});
  REQUIRE_MESSAGE(built.exit_code == 0, (built.out + built.err));
  const ProgramRun ran = run_program({build + "/consumer", folder.file("city.skc")});
  CHECK_MESSAGE(ran.exit_code == 0, (ran.out + ran.err));
  CHECK(ran.out == "tiny-6\n1440 states\n");
}

TEST_CASE("Install: the installed program runs and brings the recipes") {
  if (binary_dir().empty()) return skip("run by ctest only: SKIPCAST_BINARY_DIR is not set");
  const TempDir folder;
  REQUIRE(run_program({"cmake", "--install", binary_dir(), "--prefix", folder.path()}).exit_code ==
          0);
  CHECK(run_program({folder.file("bin/skipcast"), "--version"}).exit_code == 0);
  CHECK(run_program({"test", "-s", folder.file("share/skipcast/recipes/beijing.json")}).exit_code ==
        0);
}
