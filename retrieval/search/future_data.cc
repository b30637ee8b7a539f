#include "retrieval/search/future_data.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace skipcast::retrieval {
namespace {

constexpr int64_t kChunkValues = 1 << 21;  // floats read at once, about

}  // namespace

Result<std::vector<bool>> futures_with_data(const storage::SeriesStore& store,
                                            const storage::WindowSpec& spec,
                                            std::span<const int32_t> variables,
                                            std::span<const int64_t> origins) {
  if (origins.empty()) return std::vector<bool>();
  std::vector<int32_t> read(variables.begin(), variables.end());
  if (read.empty()) {
    read.resize(store.schema().variables.size());
    std::iota(read.begin(), read.end(), 0);
  }
  const int64_t width = static_cast<int64_t>(read.size()) * store.schema().places.count();
  const int64_t chunk = std::max<int64_t>(1, kChunkValues / width);
  const int64_t first = origins.front() + 1, end = origins.back() + spec.future_states + 1;
  std::vector<int64_t> with_data(static_cast<size_t>(end - first) + 1);  // among states before
  std::vector<float> values;
  for (int64_t begin = first; begin < end; begin += chunk) {
    const int64_t count = std::min(chunk, end - begin);
    values.resize(static_cast<size_t>(count * width));
    SKIPCAST_TRY_OK(store.read(begin, count, read, values));
    for (int64_t i = 0; i < count; ++i) {
      const auto row = values.begin() + i * width;
      const bool any = std::any_of(row, row + width, [](float v) { return std::isfinite(v); });
      const size_t at = static_cast<size_t>(begin - first + i);
      with_data[at + 1] = with_data[at] + any;
    }
  }
  std::vector<bool> result;
  for (const int64_t origin : origins) {
    const size_t at = static_cast<size_t>(origin + 1 - first);
    result.push_back(with_data[at + static_cast<size_t>(spec.future_states)] > with_data[at]);
  }
  return result;
}

}  // namespace skipcast::retrieval
