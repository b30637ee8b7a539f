// The rows that windows of an archive have in an index.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "retrieval/encoders/encoder.h"
#include "retrieval/indexes/intervals.h"
#include "storage/schema/window.h"
#include "storage/series/series_store.h"

namespace skipcast::retrieval {

// Rows of windows: ids are their origins.
struct WindowRows {
  std::vector<int64_t> ids;
  std::vector<float> vectors;  // [ids, dimension]
};

// Makes the rows. Left out are windows whose context holds no data (their embedding is not finite)
// and windows whose whole future is missing. Thread-safe; the store must outlive it.
class WindowSource {
 public:
  // `targets`: store variables of which a future must show some value; empty = all.
  WindowSource(const storage::SeriesStore& store, std::shared_ptr<const Encoder> encoder,
               const storage::WindowSpec& spec, std::vector<int32_t> targets);

  // Origins >= `from` of the windows complete by `states` states, increasing.
  std::vector<int64_t> origins(int64_t from, int64_t states) const;
  // The rows of these increasing origins. Errors of the encoder and the store.
  Result<WindowRows> rows(std::span<const int64_t> origins) const;
  // Origins of the windows that an erasure newer than `block` touches.
  std::vector<Interval> erased_since(int64_t block) const;

 private:
  const storage::SeriesStore& store_;
  const std::shared_ptr<const Encoder> encoder_;
  const storage::WindowSpec spec_;
  const std::vector<int32_t> targets_;
};

// True when some of the intervals begin before `end`: what an index up to `end` holds is touched.
inline bool touches(std::span<const Interval> intervals, int64_t end) {
  return !intervals.empty() && intervals.front().begin < end;
}

bool finite_row(std::span<const float> row);

}  // namespace skipcast::retrieval
