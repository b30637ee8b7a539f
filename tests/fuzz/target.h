// A fuzz target: one parser and what it promises beyond not crashing.
//
// Each <parser>_fuzz.cc defines both functions below. Two programmes are made of it: with clang's
// libFuzzer (libfuzzer_entry.cc; preset "fuzz", tests/fuzz/run) one that looks for new inputs, and
// in every ordinary build (replay_main.cc) one that replays the corpus and seeded mutations of it.
// A broken promise aborts (SKIPCAST_CHECK), in both.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "storage/status.h"

namespace skipcast::fuzz {

// Parses the input and checks every promise. A pure function of the input.
void check_input(std::string_view input);

// Inputs that reach deep into the parser: what a corpus begins with.
std::vector<std::string> seed_inputs();

// A refusal is a sentence that names `file`, has no control characters, and one of the usual
// codes of bad bytes (kBadInput, kNotFound, kDataLoss, kUnsupported).
void check_refusal(const Status& status, std::string_view file);

// True when SKIPCAST_BREAK is this word: then a target runs its parser with a fault built into
// the target, to prove that the fault is found.
bool breaks(std::string_view word);

// Writes a file called `name` into a folder of this process in shared memory, removed at exit.
std::string scratch_file(const std::string& name, std::string_view bytes);
// That folder.
const std::string& scratch_folder();

// Takes the input apart from the front; missing bytes read as zeros.
class Pieces {
 public:
  explicit Pieces(std::string_view input) : rest_(input) {}

  template <typename T>
  T number() {
    T value{};
    const std::string_view bytes = text(sizeof(T));
    bytes.copy(reinterpret_cast<char*>(&value), bytes.size());
    return value;
  }
  // The next `size` bytes, or what is left.
  std::string_view text(size_t size) {
    const std::string_view front = rest_.substr(0, size);
    rest_.remove_prefix(front.size());
    return front;
  }
  // The bytes up to the next '\n' (which goes too), or what is left.
  std::string_view line() {
    const std::string_view front = text(rest_.find('\n'));
    text(1);
    return front;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace skipcast::fuzz
