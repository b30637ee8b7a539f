// Hands libFuzzer's inputs to the target, and the target's seeds to an empty corpus:
//   <parser>_fuzz CORPUS [libFuzzer option...]
// With SKIPCAST_FUZZ_SEEDS=FOLDER it writes the seeds there and ends.
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* const folder = std::getenv("SKIPCAST_FUZZ_SEEDS");
  if (folder == nullptr) return 0;
  int number = 0;
  for (const std::string& seed : skipcast::fuzz::seed_inputs()) {
    std::ofstream(folder + std::string("/seed-") + std::to_string(number++), std::ios::binary)
        << seed;
  }
  std::exit(0);
}

// Seconds of computing: a machine that is busy with other things makes no input slow.
static double seconds_used() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const double began = seconds_used();
  skipcast::fuzz::check_input({reinterpret_cast<const char*>(bytes), size});
  SKIPCAST_CHECK(seconds_used() - began < 1);
  return 0;
}
