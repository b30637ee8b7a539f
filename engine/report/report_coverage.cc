// How much of a series was observed, over time.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/report/report_data.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kBinsMax = 120;
constexpr int64_t kChunkValues = int64_t{256} << 10;

std::vector<int64_t> bins_of(int64_t states) {
  const int64_t bins = std::min(states, kBinsMax);
  std::vector<int64_t> first;
  for (int64_t i = 0; i < bins; ++i) first.push_back(i * states / bins);
  return first;
}

// Observed values of each variable in states [first, end).
Status count_observed(const storage::SeriesStore& store, int64_t first, int64_t end,
                      std::vector<double>& counts) {
  const storage::Schema& schema = store.schema();
  std::vector<int32_t> variables(schema.variables.size());
  std::iota(variables.begin(), variables.end(), 0);
  const auto places = static_cast<size_t>(schema.places.count());
  const int64_t chunk = std::max<int64_t>(1, kChunkValues / schema.state_values());
  for (int64_t at = first; at < end; at += chunk) {
    const int64_t count = std::min(chunk, end - at);
    std::vector<float> values(static_cast<size_t>(count * schema.state_values()));
    SKIPCAST_TRY_OK(store.read(at, count, variables, values));
    for (size_t i = 0; i < values.size(); ++i) {
      counts[i / places % counts.size()] += std::isnan(values[i]) ? 0 : 1;
    }
  }
  return {};
}

}  // namespace

Result<Coverage> coverage_of(const storage::SeriesStore& store, const Progress& progress) {
  Coverage coverage;
  SKIPCAST_TRY(coverage.summary, storage::summarise(store, progress));
  SKIPCAST_TRY(coverage.sizes, storage::archive_sizes(store.path()));
  const int64_t states = coverage.summary.states;
  const size_t variables = store.schema().variables.size();
  coverage.bin_first = bins_of(states);
  coverage.observed.resize(variables);
  for (size_t bin = 0; bin < coverage.bin_first.size(); ++bin) {
    const int64_t first = coverage.bin_first[bin];
    const int64_t end = bin + 1 < coverage.bin_first.size() ? coverage.bin_first[bin + 1] : states;
    std::vector<double> counts(variables);
    SKIPCAST_TRY_OK(count_observed(store, first, end, counts));
    const auto values = static_cast<double>((end - first) * store.schema().places.count());
    for (size_t v = 0; v < variables; ++v) coverage.observed[v].push_back(counts[v] / values);
    const double done = static_cast<double>(end) / static_cast<double>(states);
    if (!tell(progress, {done, "read", "what was observed"})) {
      return Status(Code::kInterrupted, "report stopped");
    }
  }
  return coverage;
}

}  // namespace skipcast::engine
