// What a refusal by the program must look like: an exit code, one sentence on standard error that
// names what is wrong, nothing that looks like a stack trace. For tests of the tools folder.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/program.h"
#include "tests/support/tiny_city.h"

namespace skipcast::tests {

// The last line of standard error, without its end; progress lines come before it.
inline std::string last_line(const std::string& err) {
  std::string text = err;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

// "" when the run was refused as it should be, else what is wrong, with all it printed.
inline std::string not_refused(const ProgramRun& run, int exit_code,
                               const std::vector<std::string>& words) {
  std::string wrong;
  const std::string line = last_line(run.err);
  if (run.exit_code != exit_code) wrong += "exit code " + std::to_string(run.exit_code) + "; ";
  if (!line.starts_with("skipcast: ")) wrong += "the last line is not skipcast's; ";
  for (const std::string& word : words) {
    if (line.find(word) == std::string::npos) wrong += "'" + word + "' is not in it; ";
  }
  for (const char* trace : {"terminate", "what()", "frame #", "Exception raised", "CHECK failed",
                            "unexpected failure"}) {
    if (run.err.find(trace) != std::string::npos) wrong += std::string(trace) + " is in it; ";
  }
  return wrong.empty() ? "" : wrong + "\n" + run.err + run.out;
}

// States in city.skc, by `inspect --json`; -1 when it cannot be read.
inline int64_t stored_states(const TinyCity& city) {
  const ProgramRun run = city.skipcast({"inspect", "city.skc", "--json"});
  if (run.exit_code != 0) return -1;
  return nlohmann::json::parse(run.out).at("states").get<int64_t>();
}

}  // namespace skipcast::tests
