// labels: unit
// An index is built, written and read within the memory it was allowed: each in a child process,
// whose peak resident set is compared with what it had before.
#include <doctest/doctest.h>

#include "retrieval/search/analog_index.h"
#include "tests/support/analog_archive.h"
#include "tests/support/peak_growth.h"
#include "tests/support/skip.h"

namespace skipcast::retrieval {
namespace {

constexpr int64_t kWindows = 150000, kWidth = 64;
constexpr int64_t kMiB = 1 << 20;

// Rows that are a function of their origin.
class NumberEncoder final : public Encoder {
 public:
  int64_t dimension() const override { return kWidth; }
  std::string fingerprint() const override { return "numbers"; }
  Status encode(std::span<const int64_t> origins, std::span<float> out) const override {
    for (size_t i = 0; i < out.size(); ++i) {
      const uint64_t mixed = (static_cast<uint64_t>(origins[i / kWidth]) * kWidth + i % kWidth) *
                             uint64_t{0x9e3779b97f4a7c15};
      out[i] = static_cast<float>(mixed >> 40);
    }
    return Status();
  }
};

// MiB by which the peak rises while the index is opened with this file; -1 when that failed.
int64_t open_growth_mib(const storage::SeriesStore& store, const std::string& path,
                        int64_t memory_bytes) {
  return tests::peak_growth_mib([&] {
    AnalogIndexOptions options{{1, 1}};
    options.path = path;
    options.memory_bytes = memory_bytes;
    const auto index = AnalogIndex::open(store, std::make_shared<NumberEncoder>(), options);
    return index.ok() && (*index)->rows() == kWindows;
  });
}

}  // namespace

TEST_CASE("Memory: an index is built and written, then read, within what it may take") {
  const tests::MemoryStore store(tests::memory_schema(1, 1), std::vector<float>(kWindows + 1));
  const tests::TempDir folder;
  const int64_t index_bytes = flat_index_bytes(kWidth, kWindows), allowed = index_bytes + 2 * kMiB;
  const int64_t built = open_growth_mib(store, folder.file("index"), allowed);
  const int64_t read = open_growth_mib(store, folder.file("index"), allowed);
  MESSAGE("index " << index_bytes / kMiB << " MiB, built in " << built << ", read in " << read);
  CHECK(built >= 0);  // less than the index where memory freed before serves again
  CHECK(read >= 0);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  tests::skip("a sanitizer keeps freed memory, so no bound can be held");
#else
  CHECK(built <= allowed / kMiB + 6);  // the lists of windows, the MiB on its way to the file
  CHECK(read <= allowed / kMiB + 6);
#endif
  CHECK(open_growth_mib(store, folder.file("other"), index_bytes / 2) == -1);
}

}  // namespace skipcast::retrieval
