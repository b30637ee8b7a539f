#include "tests/fault/last_words.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace skipcast::tests {
namespace {

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

}  // namespace skipcast::tests
