// By how much the peak of a process's memory rises while it works.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>

namespace skipcast::tests {

inline int64_t status_kib(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;) {
    int64_t kib = 0;
    if (word == key && file >> kib) return kib;
  }
  return -1;
}

// MiB (up to 254) by which the peak resident set of a child process rises while it does `work`,
// over what it had when it began; -1 when work() said false.
template <typename Work>
int64_t peak_growth_mib(const Work& work) {
  const pid_t child = fork();
  if (child == 0) {
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak starts from here
    const int64_t before = status_kib("VmRSS:");
    const bool good = work();
    _exit(good ? static_cast<int>((status_kib("VmHWM:") - before) >> 10) : 255);
  }
  int result = 0;
  waitpid(child, &result, 0);
  const bool done = WIFEXITED(result) && WEXITSTATUS(result) != 255;
  return done ? WEXITSTATUS(result) : -1;
}

}  // namespace skipcast::tests
