// Replays a corpus and seeded mutations of it through one fuzz target, without libFuzzer.
//
// usage: <parser>_fuzz [--seed S] [--count N] [--break=WORD] [--make-corpus FOLDER] [PATH...]
//   PATH           files, or folders of files, besides the target's own seeds
//   --count N      mutations to run after the corpus; mutation i depends on S and i only
//   --break=WORD   with a fault built into the target: the run must fail (length: block)
//   --make-corpus  writes the target's seeds into FOLDER and ends
// An input that breaks a promise, crashes or takes over ten seconds is written to ./crash-<seed>-
// <number>, and the line that runs it again is printed.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"
#include "tests/support/mutate.h"

// AddressSanitizer's hook, where that is linked in.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*)());

namespace skipcast::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr int kSecondsMax = 10;

struct Options {
  uint64_t seed = 1;
  int64_t count = 0;
  std::string corpus_folder;
  std::vector<std::string> paths;
};

// What is being run, for the handlers below.
struct Running {
  const char* program = "";
  uint64_t seed = 0;
  int64_t number = 0;  // of the input; corpus first
  const std::string* input = nullptr;
  int64_t last_seen = -1;  // by the clock
  int ticks = 0;           // since it saw this number first
};
Running running;

void tell() {
  if (running.input == nullptr) return;
  const std::string name = fmt::format("crash-{}-{}", running.seed, running.number);
  const int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const std::string& bytes = *running.input;
  const bool kept =
      file >= 0 && ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  fmt::print(stderr, "FAILED: input {} of seed {}{}; again: {} {}\n", running.number, running.seed,
             kept ? "" : " (it could not be written)", running.program, name);
  running.input = nullptr;
}

void on_death(int) {
  tell();
  ::_exit(1);
}

void on_tick(int) {
  running.ticks = running.last_seen == running.number ? running.ticks + 1 : 0;
  running.last_seen = running.number;
  if (running.ticks < kSecondsMax) return;
  fmt::print(stderr, "an input takes longer than {} s\n", kSecondsMax);
  std::abort();
}

void watch() {
  std::signal(SIGABRT, on_death);
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(tell);
  } else {
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, on_death);
  }
  std::signal(SIGALRM, on_tick);
  const itimerval second = {.it_interval = {1, 0}, .it_value = {1, 0}};
  setitimer(ITIMER_REAL, &second, nullptr);
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  SKIPCAST_CHECK(file.good());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> inputs_of(const Options& options) {
  std::vector<std::string> inputs = seed_inputs();
  for (const std::string& path : options.paths) {
    std::vector<fs::path> files;
    if (fs::is_directory(path)) {
      std::copy(fs::directory_iterator(path), fs::directory_iterator(), std::back_inserter(files));
    } else if (!path.empty()) {
      files.emplace_back(path);
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) inputs.push_back(read_file(file));
  }
  return inputs;
}

Options options_of(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i], next = i + 1 < argc ? argv[i + 1] : "";
    const bool takes_value = word == "--seed" || word == "--count" || word == "--make-corpus";
    if (word == "--seed") options.seed = std::strtoull(next.c_str(), nullptr, 10);
    if (word == "--count") options.count = std::strtoll(next.c_str(), nullptr, 10);
    if (word == "--make-corpus") options.corpus_folder = next;
    if (word.starts_with("--break=")) setenv("SKIPCAST_BREAK", word.c_str() + 8, 1);
    if (takes_value) ++i;
    if (!word.starts_with("--")) options.paths.push_back(word);
  }
  return options;
}

void make_corpus(const std::string& folder) {
  int number = 0;
  for (const std::string& seed : seed_inputs()) {
    std::ofstream(fmt::format("{}/seed-{:02}", folder, number++), std::ios::binary) << seed;
  }
}

void run_one(const std::string& input) {
  running.input = &input;
  // An allocation of exactly its size: a sanitizer sees the first byte read beyond it.
  const std::vector<char> exact(input.begin(), input.end());
  check_input({exact.data(), exact.size()});
  running.input = nullptr;
  ++running.number;
}

int run(const Options& options) {
  const std::vector<std::string> inputs = inputs_of(options);
  for (const std::string& input : inputs) run_one(input);
  for (int64_t i = 0; i < options.count; ++i) {
    tests::Dice dice(options.seed * 0x9E3779B97F4A7C15U + static_cast<uint64_t>(i));
    run_one(tests::mutate(inputs[dice.below(inputs.size())], dice));
  }
  fmt::print("{}: {} inputs and {} mutations of seed {} kept every promise\n", running.program,
             inputs.size(), options.count, options.seed);
  return 0;
}

}  // namespace
}  // namespace skipcast::fuzz

int main(int argc, char** argv) {
  using namespace skipcast::fuzz;
  const Options options = options_of(argc, argv);
  running.program = argv[0];
  running.seed = options.seed;
  if (!options.corpus_folder.empty()) {
    make_corpus(options.corpus_folder);
    return 0;
  }
  watch();
  return run(options);
}
