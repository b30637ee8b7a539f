#include "retrieval/indexes/stored_rows.h"

#include <algorithm>

namespace skipcast::retrieval {

Status StoredRows::add(std::span<const int64_t> ids, std::span<const float> vectors) {
  SKIPCAST_TRY_OK(check_added(view(), ids, vectors));
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  vectors_.insert(vectors_.end(), vectors.begin(), vectors.end());
  lead();
  return Status();
}

void StoredRows::reserve(int64_t rows) {
  ids_.reserve(static_cast<size_t>(rows));
  vectors_.reserve(static_cast<size_t>(rows * dimension_));
  leading_.reserve(dimension_, rows);
}

void StoredRows::drop_before(int64_t id) {
  const auto end = std::lower_bound(ids_.begin(), ids_.end(), id);
  if (end == ids_.begin()) return;
  vectors_.erase(vectors_.begin(), vectors_.begin() + (end - ids_.begin()) * dimension_);
  ids_.erase(ids_.begin(), end);
  leading_.clear();
  lead();
}

Status StoredRows::read(ByteSource& source, int64_t rows) {
  SKIPCAST_TRY_OK(take_ids(source, {rows, dimension_}, ids_));
  SKIPCAST_TRY_OK(take_array(source, rows * dimension_, vectors_));
  lead();
  return check_vectors(vectors_);
}

}  // namespace skipcast::retrieval
