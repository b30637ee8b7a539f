// The test binaries' main: doctest, plus exit code 77 ("skipped") when a test case called
// skip() and nothing failed.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "tests/support/skip.h"

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  const int failed = context.run();
  if (context.shouldExit() || failed != 0) return failed;
  return skipcast::tests::skipped() ? 77 : 0;
}
