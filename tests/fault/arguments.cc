#include "tests/fault/arguments.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace skipcast::tests {
namespace {

[[noreturn]] void usage(const char* program, const std::vector<std::string>& breaks) {
  fmt::print(stderr, "usage: {} [--seed=N] [--count=N] [--workload=NAME] [--break={}]\n", program,
             fmt::join(breaks, "|"));
  std::exit(2);
}

char last_words[420];  // for a signal handler, which may not allocate

void say_last_words(int signal) {
  const ssize_t ignored = ::write(STDERR_FILENO, last_words, std::strlen(last_words));
  static_cast<void>(ignored);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

}  // namespace

void say_if_killed(const std::string& again) {
  std::snprintf(last_words, sizeof last_words, "died; again: %.400s\n", again.c_str());
  for (const int fatal : {SIGABRT, SIGSEGV, SIGBUS}) ::signal(fatal, say_last_words);
}

Arguments parse_arguments(int argc, char** argv, int64_t count,
                          const std::vector<std::string>& breaks) {
  Arguments arguments{.count = count};
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const std::string value = word.substr(std::min(word.size(), word.find('=') + 1));
    if (word.starts_with("--seed=")) {
      arguments.seed = std::strtoull(value.c_str(), nullptr, 10);
    } else if (word.starts_with("--count=")) {
      arguments.count = std::strtoll(value.c_str(), nullptr, 10);
    } else if (word.starts_with("--workload=")) {
      arguments.workload = value;
    } else if (word.starts_with("--break=") &&
               std::count(breaks.begin(), breaks.end(), value) == 1) {
      arguments.broken = value;
    } else {
      usage(argv[0], breaks);
    }
  }
  return arguments;
}

Break break_named(const std::string& name) {
  if (name == "log_sync") return Break::kLogSync;
  if (name == "folder_sync") return Break::kFolderSync;
  if (name == "head_sync") return Break::kHeadSync;
  if (name == "swallow") return Break::kSwallow;
  if (name == "wrong_error") return Break::kWrongError;
  return Break::kNone;
}

int verdict(const Arguments& arguments, const std::string& complaint) {
  const bool found = !complaint.empty();
  if (found) fmt::print("{}: {}\n", arguments.broken.empty() ? "FAILED" : "FOUND", complaint);
  if (!arguments.broken.empty() && !found) {
    fmt::print("FAILED: the defect '{}' was not found\n", arguments.broken);
  }
  return found == arguments.broken.empty() ? 1 : 0;
}

}  // namespace skipcast::tests
