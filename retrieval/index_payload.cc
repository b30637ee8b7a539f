#include "retrieval/index_payload.h"

#include <fmt/format.h>

#include <limits>

namespace skipcast::retrieval {

std::string pack_rows(const RowsView& view) {
  const std::span<const float> vectors(view.vectors,
                                       view.ids.size() * static_cast<size_t>(view.dimension));
  std::string out;
  out.reserve(16 + view.ids.size_bytes() + vectors.size_bytes());
  storage::put(out, static_cast<int64_t>(view.ids.size()));
  storage::put(out, view.dimension);
  put_array(out, view.ids);
  put_array(out, vectors);
  return out;
}

Result<PackedRows> unpack_rows(storage::ByteReader& reader, int64_t dimension, int64_t rows) {
  int64_t rows_there = -1, dimension_there = -1;
  constexpr int64_t kDimensionMax = std::numeric_limits<int>::max();  // FAISS counts in int
  const bool complete = reader.take(rows_there) && reader.take(dimension_there);
  if (!complete || rows_there != rows || dimension_there != dimension || rows < 0 ||
      dimension < 1 || dimension > kDimensionMax) {
    return data_loss(fmt::format("the index holds {} rows of {} values, not {} of {}", rows_there,
                                 dimension_there, rows, dimension));
  }
  const uint64_t row_bytes = sizeof(int64_t) + static_cast<uint64_t>(dimension) * sizeof(float);
  if (static_cast<uint64_t>(rows) > reader.remaining() / row_bytes) {
    return data_loss("the index is shorter than its counts say");
  }
  PackedRows packed;
  SKIPCAST_TRY_OK(take_array(reader, rows, packed.ids));
  SKIPCAST_TRY_OK(take_array(reader, rows * dimension, packed.vectors));
  return packed;
}

Result<std::unique_ptr<VectorIndex>> load_index(std::string_view kind, std::string_view bytes,
                                                int64_t dimension, int64_t rows) {
  if (kind == "flat") return load_flat_index(bytes, dimension, rows);
  if (kind == "hnsw") return load_hnsw_index(bytes, dimension, rows);
  return usage(fmt::format("there is no index of kind '{}': take flat or hnsw", kind));
}

}  // namespace skipcast::retrieval
