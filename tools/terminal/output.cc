#include "tools/terminal/output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace skipcast::tools {
namespace {

void fill_if_closed(int descriptor, int flags) {
  if (fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) return;
  const int opened = open("/dev/null", flags);  // takes the lowest number that is free
  if (opened >= 0 && opened != descriptor) {
    dup2(opened, descriptor);
    close(opened);
  }
}

}  // namespace

void guard_streams() {
  fill_if_closed(STDIN_FILENO, O_RDONLY);
  fill_if_closed(STDOUT_FILENO, O_RDONLY);  // writing there fails
  fill_if_closed(STDERR_FILENO, O_WRONLY);
  std::signal(SIGXFSZ, SIG_IGN);
}

void say(const std::string& text) { std::fputs(text.c_str(), stderr); }

Status flush_answer() {
  errno = 0;
  const bool failed = std::fflush(stdout) != 0;
  const int why = errno;
  if (!failed && std::ferror(stdout) == 0) return {};
  return io_error(
      fmt::format("standard output cannot be written{}; the answer above is incomplete, ask again",
                  failed && why != 0 ? fmt::format(" ({})", std::strerror(why)) : ""));
}

}  // namespace skipcast::tools
