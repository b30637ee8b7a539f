#include "tests/support/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

namespace skipcast::tests {
namespace {

constexpr const char* kArgument = "SKIPCAST_TEST_CHILD_ARGUMENT";
constexpr const char* kPipe = "SKIPCAST_TEST_CHILD_PIPE";

// Between fork and exec only calls that are safe there: everything is prepared before.
pid_t spawn(const std::string& test_case, const std::string& argument, int pipe_end) {
  const std::string filter = "--test-case=" + test_case;
  std::vector<std::string> words{kArgument + ("=" + argument),
                                 kPipe + ("=" + std::to_string(pipe_end))};
  std::vector<char*> environment;
  for (std::string& word : words) environment.push_back(word.data());
  for (char** entry = environ; *entry; ++entry) environment.push_back(*entry);
  environment.push_back(nullptr);
  const char* const arguments[] = {"child", filter.c_str(), "--no-skip", "--minimal", nullptr};
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::execve("/proc/self/exe", const_cast<char* const*>(arguments), environment.data());
  ::_exit(126);
}

}  // namespace

Child::Child(const std::string& test_case, const std::string& argument) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
  ::fcntl(ends[1], F_SETFD, 0);  // the child keeps the writing end
  pid_ = spawn(test_case, argument, ends[1]);
  if (pid_ < 0) std::abort();
  ::close(ends[1]);
  pipe_ = ends[0];
}

Child::~Child() {
  kill();
  ::close(pipe_);
}

std::optional<int64_t> Child::next() {
  int64_t number = 0;
  ssize_t got = 0;
  do {
    got = ::read(pipe_, &number, sizeof number);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof number) return std::nullopt;
  return number;
}

void Child::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  wait();
}

int Child::wait() {
  if (pid_ < 0) return -1;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string child_argument() {
  const char* argument = std::getenv(kArgument);
  return argument ? argument : "";
}

void tell_parent(int64_t number) {
  const char* pipe = std::getenv(kPipe);
  if (!pipe || ::write(std::atoi(pipe), &number, sizeof number) != sizeof number) std::abort();
}

}  // namespace skipcast::tests
