// Running programs from tests, without a shell, with their output kept.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace skipcast::tests {

struct ProgramRun {
  int exit_code = -1;  // 128 + signal when a signal ended it; 127 when it could not start
  std::string out, err;
};

struct ProgramOptions {
  std::string folder;                              // to run in; empty = here
  std::map<std::string, std::string> environment;  // added to this process's
  // Looked at every 5 ms with the program's standard error so far: true sends SIGINT, once.
  std::function<bool(const std::string& err)> interrupt_when;
  double seconds_max = 600;  // then SIGKILL
};

// words[0] is the program (looked up in PATH when it has no slash).
ProgramRun run_program(const std::vector<std::string>& words, const ProgramOptions& options = {});

}  // namespace skipcast::tests
