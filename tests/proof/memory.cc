// Memory bound: --count times the budget is ingested, and the process's peak may exceed the budget
// by no more than 10 %. --workload=MIB sets the budget (default 64).
//   --break=hoard: every block is kept, as a reader that forgets nothing would
#include <fmt/format.h>
#include <sys/resource.h>

#include <cmath>
#include <cstdlib>

#include "storage/ingest/ingest.h"
#include "storage/upkeep/series_verify.h"
#include "tests/support/programme.h"
#include "tests/support/series.h"

namespace skipcast::tests {
namespace {

constexpr int64_t kVariables = 3, kPlaces = 400;

// States without end, made on the spot; they compress about as well as measurements do.
class Source final : public storage::StateReader {
 public:
  Source(int64_t states, bool hoards)
      : schema_(small_schema(kVariables, kPlaces, storage::Codec::kZstd)),
        states_(states),
        hoards_(hoards) {}

  const storage::Schema& schema() const override { return schema_; }
  double progress() const override { return static_cast<double>(done_) / states_; }

  Result<std::optional<storage::StateBlock>> next(int64_t states_max) override {
    storage::StateBlock block{.first = done_, .states = std::min(states_max, states_ - done_)};
    if (block.states == 0) return std::optional<storage::StateBlock>();
    block.values.resize(static_cast<size_t>(block.states * kVariables * kPlaces));
    for (float& value : block.values) {
      number_ = number_ * 6364136223846793005U + 1442695040888963407U;
      value = std::round(static_cast<float>(number_ >> 40) / 65536) / 8;
    }
    done_ += block.states;
    if (hoards_) hoard_.push_back(block);
    return std::optional<storage::StateBlock>(std::move(block));
  }

 private:
  const storage::Schema schema_;
  const int64_t states_;
  const bool hoards_;
  int64_t done_ = 0;
  uint64_t number_ = 1;
  std::vector<storage::StateBlock> hoard_;
};

double peak_mib() {
  rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

std::string run(const Arguments& arguments, const TempDir& folder) {
  const int64_t mib = arguments.workload.empty() ? 64 : std::atoll(arguments.workload.c_str());
  const int64_t budget = mib << 20, bytes = arguments.count * budget;
  const int64_t states = bytes / (kVariables * kPlaces * static_cast<int64_t>(sizeof(float)));
  Source source(states, arguments.broken == "hoard");
  storage::IngestOptions options;
  options.memory_bytes = budget;
  const auto report = storage::ingest(source, folder.file("a"), options);
  if (!report.ok()) return report.status().message();
  fmt::print("memory: {} MiB ingested within a budget of {} MiB, peak {:.1f} MiB ({:.0f} %)\n",
             bytes >> 20, mib, peak_mib(), 100 * peak_mib() / mib);
  return peak_mib() <= 1.1 * static_cast<double>(mib) ? "" : "the budget was exceeded";
}

}  // namespace
}  // namespace skipcast::tests

int main(int argc, char** argv) {
  using namespace skipcast::tests;
  const Arguments arguments = parse_arguments(argc, argv, 5, {"hoard"});
  const TempDir folder;
  return verdict(arguments, run(arguments, folder));
}
