// Running one test case of this binary in a process of its own: for tests that kill it, limit
// it, or need a second process beside the first.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace skipcast::tests {

// A child that runs the named test case (decorated with doctest::skip(), so that it runs only
// here). It finds `argument` in child_argument() and reports numbers with tell_parent().
class Child {
 public:
  Child(const std::string& test_case, const std::string& argument);
  ~Child();  // kills it, if it still runs
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // The next number the child told; nothing when it ended. Blocks.
  std::optional<int64_t> next();
  void kill();  // SIGKILL, and waits for the end
  // Waits for the child to end; its exit status, or -1 when a signal ended it.
  int wait();

 private:
  pid_t pid_ = -1;
  int pipe_ = -1;
};

std::string child_argument();
void tell_parent(int64_t number);

}  // namespace skipcast::tests
