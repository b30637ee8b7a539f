// The command line of the programmes in this folder, and how they report.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/fault/fault_disk.h"

namespace skipcast::tests {

struct Arguments {
  uint64_t seed = 1;
  int64_t count = 0;       // points, kills or cycles
  std::string workload;    // "" = all
  std::string broken;      // a deliberate defect, see the programme
};

// --seed=N --count=N --workload=NAME --break=NAME; `count` unless given. A wrong word ends the
// process with status 2.
Arguments parse_arguments(int argc, char** argv, int64_t count,
                          const std::vector<std::string>& breaks);

Break break_named(const std::string& name);  // of the words that a FaultDisk knows, else kNone

// Should the process die from here on (an assertion of a library, say), this is printed: the
// command line that comes here again. At most 400 characters.
void say_if_killed(const std::string& again);

// The exit status: 0 when nothing was wrong. With a deliberate defect the other way round: 0 when
// `complaint` says what was found, since a check that never fails proves nothing.
int verdict(const Arguments& arguments, const std::string& complaint);

}  // namespace skipcast::tests
