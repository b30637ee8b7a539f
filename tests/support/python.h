// Running a Python script from a test: by SKIPCAST_PYTHON or tools/setup's environment, whichever
// has the modules.
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/support/skip.h"

namespace skipcast::tests {

struct PythonRun {
  int exit_code = -1;
  std::string output;  // stdout and stderr
};

inline PythonRun run_command(const std::string& command) {
  PythonRun run;
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return run;
  for (std::array<char, 4096> part; std::fgets(part.data(), part.size(), pipe) != nullptr;) {
    run.output += part.data();
  }
  const int status = pclose(pipe);
  run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return run;
}

// The first interpreter that can import these modules ("xarray, netCDF4"), or "".
inline std::string python_with(const std::string& modules) {
  const char* cache = std::getenv("SKIPCAST_CACHE");
  const char* home = std::getenv("HOME");
  const char* named = std::getenv("SKIPCAST_PYTHON");
  const std::string folder = cache ? cache : std::string(home ? home : "") + "/.cache/skipcast";
  for (const std::string& python : {std::string(named ? named : ""), folder + "/venv/bin/python"}) {
    if (python.empty()) continue;
    if (run_command("'" + python + "' -c 'import " + modules + "'").exit_code == 0) return python;
  }
  return "";
}

// Runs the script's text with one argument.
inline PythonRun run_python(const std::string& python, const TempDir& folder,
                            const std::string& script, const std::string& argument) {
  const std::string file = folder.file("script.py");
  std::ofstream(file, std::ios::trunc) << script;
  return run_command("'" + python + "' '" + file + "' '" + argument + "'");
}

}  // namespace skipcast::tests
