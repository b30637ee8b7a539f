// labels: unit
// A full or closed standard output loses the answer: the exit code says so. A full or closed
// standard error loses words, never the work.
#include "tools/terminal/output.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/skip.h"
#include "tests/support/tiny_city.h"

using namespace skipcast::tests;

namespace {

const TinyCity& city() {
  static const TempDir folder;
  static const TinyCity made(folder.path());
  static const int ingested = made.ingest().exit_code;
  REQUIRE(ingested == 0);
  return made;
}

// The program behind a shell's redirections.
ProgramRun with_streams(const std::string& words, const std::string& streams) {
  const std::string line = std::string(SKIPCAST_PROGRAM) + " " + words + " " + streams;
  return run_program({"sh", "-c", line}, {.folder = city().folder});
}

}  // namespace

TEST_CASE("Output: an answer that cannot be written is a failure") {
  for (const char* words : {"inspect city.skc", "inspect city.skc --json", "verify city.skc",
                            "--help", "inspect --help"}) {
    INFO(words);
    const ProgramRun full = with_streams(words, ">/dev/full");
    CHECK(full.exit_code == 1);
    CHECK(full.err.find("standard output cannot be written") != std::string::npos);
    const ProgramRun closed = with_streams(words, ">&-");
    CHECK(closed.exit_code == 1);
    CHECK(closed.err.find("standard output cannot be written") != std::string::npos);
  }
  CHECK(with_streams("inspect city.skc", "").exit_code == 0);
}

TEST_CASE("Output: words that cannot be written to standard error do not stop the work") {
  int made = 0;
  for (const char* streams : {"2>/dev/full", "2>&-", "2>&- <&-"}) {
    INFO(streams);
    const std::string archive = "copy" + std::to_string(++made) + ".skc";
    CHECK(with_streams("ingest " + archive + " --recipe recipe.json city.csv", streams).exit_code ==
          0);
    CHECK(with_streams("verify " + archive, "").exit_code == 0);
    CHECK(with_streams("inspect none.skc", streams).exit_code == 1);
  }
}

TEST_CASE("Output: a limit of the file size is an error, and the archive stays") {
  const ProgramRun run = run_program({"sh", "-c",
                                      "ulimit -f 1; " + std::string(SKIPCAST_PROGRAM) +
                                          " ingest small.skc --recipe recipe.json city.csv"},
                                     {.folder = city().folder});
  CHECK(run.exit_code == 1);
  CHECK(run.err.find("skipcast: ") != std::string::npos);
}
