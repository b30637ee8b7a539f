#include "tests/support/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include "tests/support/skip.h"

namespace skipcast::tests {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Runs in the child: never returns.
[[noreturn]] void become(const std::vector<std::string>& words, const ProgramOptions& options,
                         const TempDir& scratch) {
  const int out = open(scratch.file("out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int err = open(scratch.file("err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int in = open("/dev/null", O_RDONLY);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) _exit(127);
  for (const auto& [name, value] : options.environment) setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

ProgramRun run_program(const std::vector<std::string>& words, const ProgramOptions& options) {
  const TempDir scratch;
  const auto began = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child == 0) become(words, options, scratch);
  bool interrupted = false;
  int state = 0;
  while (waitpid(child, &state, WNOHANG) == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    if (took.count() > options.seconds_max) kill(child, SIGKILL);
    if (interrupted || !options.interrupt_when) continue;
    if (!options.interrupt_when(text_of(scratch.file("err")))) continue;
    kill(child, SIGINT);
    interrupted = true;
  }
  ProgramRun run{.out = text_of(scratch.file("out")), .err = text_of(scratch.file("err"))};
  run.exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  return run;
}

}  // namespace skipcast::tests
