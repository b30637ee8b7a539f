// The command line of the test programmes, executables that run as long as they are told to, and
// how they report.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/skip.h"

namespace skipcast::tests {

struct Arguments {
  uint64_t seed = 1;
  int64_t count = 0;     // points, kills, operations, seconds: what the programme says
  std::string workload;  // "" = all
  std::string broken;    // a deliberate defect, one of the programme's
};

// --seed=N --count=N --workload=NAME --break=NAME; `count` unless given. A wrong word ends the
// process with status 2.
Arguments parse_arguments(int argc, char** argv, int64_t count,
                          const std::vector<std::string>& breaks);

// The exit status: 0 when `complaint` is empty. With a deliberate defect the other way round: 0
// when it says what was found, since a check that never fails proves nothing.
int verdict(const Arguments& arguments, const std::string& complaint);

// Prints "3000 kills" at every thousandth, so that a run cut off still tells its figure.
void count_aloud(int64_t done, const char* what);

// A folder on a disk in memory where there is one (a sync costs nothing there).
class MemoryDir : public TempDir {
 public:
  MemoryDir();
};

}  // namespace skipcast::tests
