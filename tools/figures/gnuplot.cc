#include "tools/figures/gnuplot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

extern char** environ;

namespace skipcast::tools {
namespace {

namespace fs = std::filesystem;

// A folder that goes away with all that is in it.
class Scratch {
 public:
  Scratch() {
    std::error_code error;
    std::string pattern = (fs::temp_directory_path(error) / "skipcast-plot-XXXXXX").string();
    if (!error && mkdtemp(pattern.data())) path_ = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  bool ok() const { return !path_.empty(); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Runs gnuplot with one argument; both output streams go to `log`. Exit status, or -1 when there
// is no such program.
int run_gnuplot(const std::string& argument, const std::string& log) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  std::string program = "gnuplot", copy = argument;
  char* const arguments[] = {program.data(), copy.data(), nullptr};
  pid_t child = 0;
  const int error = posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return -1;
  int state = 0;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(state) ? WEXITSTATUS(state) : 1;
}

// gnuplot's complaint: the first line that is neither empty, nor a caret, nor a quoted command.
std::string complaint(const std::string& log) {
  size_t begin = 0;
  while (begin < log.size()) {
    const size_t end = std::min(log.find('\n', begin), log.size());
    const std::string line = log.substr(begin, end - begin);
    const size_t at = line.find(" line ");
    if (at != std::string::npos) return line;
    begin = end + 1;
  }
  return log.substr(0, log.find('\n'));
}

Status no_gnuplot() {
  return not_found(
      "the program gnuplot is not here, so no picture was drawn; tools/setup installs "
      "it (Debian package gnuplot-nox)");
}

Status put_in_place(const std::string& from, const std::string& path) {
  std::error_code error;
  const std::string half = path + ".tmp";
  fs::copy_file(from, half, fs::copy_options::overwrite_existing, error);
  if (!error) fs::rename(half, path, error);
  if (!error) return {};
  std::error_code ignored;
  fs::remove(half, ignored);
  return io_error(fmt::format("{}: cannot be written ({})", path, error.message()));
}

}  // namespace

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char letter : text) {
    if (letter == '\'') result += '\'';
    result += static_cast<unsigned char>(letter) < 0x20 ? ' ' : letter;
  }
  return result + "'";
}

Result<std::string> gnuplot_version() {
  const Scratch scratch;
  if (!scratch.ok()) return io_error("the temporary folder cannot be written");
  if (run_gnuplot("--version", scratch.file("log")) != 0) return no_gnuplot();
  std::string text = read_text(scratch.file("log"));
  while (!text.empty() && text.back() <= ' ') text.pop_back();
  return text;
}

Status draw(const Picture& picture) {
  if (!picture.path.ends_with(".png")) {
    return usage(
        fmt::format("{}: pictures are PNG files; give a name that ends in .png", picture.path));
  }
  const Scratch scratch;
  if (!scratch.ok()) return io_error("the temporary folder cannot be written");
  const std::string script = scratch.file("picture.gp"), image = scratch.file("picture.png");
  {
    std::ofstream out(script, std::ios::binary);
    out << fmt::format(
        "set terminal pngcairo size {},{} font 'DejaVu Sans,11' noenhanced\n"
        "set output {}\n{}\nset output\n",
        picture.width_px, picture.height_px, quoted(image), picture.script);
    if (!out.flush()) return io_error(script + ": cannot be written");
  }
  const int state = run_gnuplot(script, scratch.file("log"));
  if (state < 0 || state == 127) return no_gnuplot();
  std::error_code error;
  if (state != 0 || fs::file_size(image, error) == 0 || error) {
    return io_error(fmt::format("gnuplot could not draw {}: {}", picture.path,
                                complaint(read_text(scratch.file("log")))));
  }
  return put_in_place(image, picture.path);
}

}  // namespace skipcast::tools
