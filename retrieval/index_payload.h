// How the rows of an index lie in its envelope's payload: rows, dimension (int64), ids[rows],
// vectors[rows, dimension] (float32), all little-endian; kinds append their own parts.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "retrieval/row_scan.h"
#include "storage/bytes.h"

namespace skipcast::retrieval {

struct PackedRows {
  std::vector<int64_t> ids;
  std::vector<float> vectors;
};

std::string pack_rows(const RowsView& view);
// Takes the rows from the front. kDataLoss when the counts are not `dimension` and `rows` or
// more bytes are claimed than there are; nothing is allocated before that is checked.
Result<PackedRows> unpack_rows(storage::ByteReader& reader, int64_t dimension, int64_t rows);

// The numbers of a packed array of `count` values, with the same check.
template <storage::Number T>
Status take_array(storage::ByteReader& reader, int64_t count, std::vector<T>& values) {
  if (count < 0 || static_cast<uint64_t>(count) > reader.remaining() / sizeof(T)) {
    return data_loss("the index is shorter than its counts say");
  }
  std::string_view bytes;
  reader.take(static_cast<size_t>(count) * sizeof(T), bytes);
  values.resize(static_cast<size_t>(count));
  if (count > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
  return Status();
}

template <storage::Number T>
void put_array(std::string& out, std::span<const T> values) {
  out.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

Result<std::unique_ptr<VectorIndex>> load_flat_index(std::string_view bytes, int64_t dimension,
                                                     int64_t rows);
Result<std::unique_ptr<VectorIndex>> load_hnsw_index(std::string_view bytes, int64_t dimension,
                                                     int64_t rows);

}  // namespace skipcast::retrieval
