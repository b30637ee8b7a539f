#include "retrieval/indexes/index_payload.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace skipcast::retrieval {

Status put_rows(const ByteSink& sink, const RowsView& view) {
  SKIPCAST_TRY_OK(put(sink, static_cast<int64_t>(view.ids.size())));
  SKIPCAST_TRY_OK(put(sink, view.dimension));
  SKIPCAST_TRY_OK(put_array(sink, view.ids));
  const size_t values = view.ids.size() * static_cast<size_t>(view.dimension);
  return put_array(sink, std::span<const float>(view.vectors, values));
}

Status take_ids(ByteSource& source, const RowCounts& wanted, std::vector<int64_t>& ids) {
  RowCounts there{-1, -1};
  SKIPCAST_TRY_OK(take(source, there.rows));
  SKIPCAST_TRY_OK(take(source, there.dimension));
  constexpr int64_t kDimensionMax = std::numeric_limits<int>::max();  // FAISS counts in int
  if (there.rows != wanted.rows || there.dimension != wanted.dimension || wanted.rows < 0 ||
      wanted.dimension < 1 || wanted.dimension > kDimensionMax) {
    return data_loss(fmt::format("the index holds {} rows of {} values, not {} of {}", there.rows,
                                 there.dimension, wanted.rows, wanted.dimension));
  }
  const uint64_t row_bytes = sizeof(int64_t) + static_cast<uint64_t>(wanted.dimension) * 4;
  if (static_cast<uint64_t>(wanted.rows) > source.remaining() / row_bytes) {
    return data_loss("the index is shorter than its counts say");
  }
  SKIPCAST_TRY_OK(take_array(source, wanted.rows, ids));
  const bool increasing =
      std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) == ids.end();
  if (!increasing || (!ids.empty() && ids.front() < 0)) {
    return data_loss("the index's ids do not increase");
  }
  return Status();
}

Status check_vectors(std::span<const float> vectors) {
  const bool finite =
      std::all_of(vectors.begin(), vectors.end(), [](float value) { return std::isfinite(value); });
  return finite ? Status() : data_loss("the index holds a value that is not finite");
}

Result<std::string> VectorIndex::serialize() const {
  std::string bytes;
  SKIPCAST_TRY_OK(write([&bytes](std::string_view piece) {
    bytes.append(piece);
    return Status();
  }));
  return bytes;
}

Result<std::unique_ptr<VectorIndex>> load_index(std::string_view kind, ByteSource& source,
                                                int64_t dimension, int64_t rows) {
  const RowCounts wanted{rows, dimension};
  if (kind == "flat") return load_flat_index(source, wanted);
  if (kind == "hnsw") return load_hnsw_index(source, wanted);
  if (kind == "ivfpq") return load_ivfpq_index(source, wanted);
  return usage(fmt::format("there is no index of kind '{}': take flat, hnsw or ivfpq", kind));
}

Result<std::unique_ptr<VectorIndex>> load_index(std::string_view kind, std::string_view bytes,
                                                int64_t dimension, int64_t rows) {
  MemorySource source(bytes);
  return load_index(kind, source, dimension, rows);
}

}  // namespace skipcast::retrieval
