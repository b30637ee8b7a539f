#include "retrieval/search/window_rows.h"

#include <algorithm>
#include <cmath>

#include "retrieval/search/future_data.h"

namespace skipcast::retrieval {

bool finite_row(std::span<const float> row) {
  return std::all_of(row.begin(), row.end(), [](float value) { return std::isfinite(value); });
}

WindowSource::WindowSource(const storage::SeriesStore& store,
                           std::shared_ptr<const Encoder> encoder, const storage::WindowSpec& spec,
                           std::vector<int32_t> targets)
    : store_(store), encoder_(std::move(encoder)), spec_(spec), targets_(std::move(targets)) {}

std::vector<int64_t> WindowSource::origins(int64_t from, int64_t states) const {
  const int64_t first = std::max<int64_t>(0, from - spec_.context_states + 1);
  return storage::window_origins(store_.schema().axis, spec_, first, states - 1);
}

Result<WindowRows> WindowSource::rows(std::span<const int64_t> origins) const {
  const size_t width = static_cast<size_t>(encoder_->dimension());
  WindowRows made;
  made.vectors.resize(origins.size() * width);
  SKIPCAST_TRY_OK(encoder_->encode(origins, made.vectors));
  SKIPCAST_TRY(const std::vector<bool> futures,
               futures_with_data(store_, spec_, targets_, origins));
  for (size_t i = 0; i < origins.size(); ++i) {
    const auto row = std::span<const float>(made.vectors).subspan(i * width, width);
    if (!futures[i] || !finite_row(row)) continue;
    std::copy(row.begin(), row.end(),
              made.vectors.begin() + static_cast<int64_t>(made.ids.size() * width));
    made.ids.push_back(origins[i]);
  }
  made.vectors.resize(made.ids.size() * width);
  return made;
}

std::vector<Interval> WindowSource::erased_since(int64_t block) const {
  std::vector<Interval> touched;
  if (store_.last().block <= block) return touched;
  for (const storage::Erasure& erasure : store_.erasures()) {
    if (erasure.block <= block) continue;
    touched.push_back({erasure.first - spec_.future_states,
                       erasure.first + erasure.states + spec_.context_states - 1});
  }
  return merged(std::move(touched));
}

}  // namespace skipcast::retrieval
