// Rows in memory as flat and ivfpq indexes and the tail keep them: ids, vectors, and the leading
// columns that make exact scans of them fast. Not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "retrieval/indexes/index_payload.h"
#include "retrieval/indexes/row_scan.h"

namespace skipcast::retrieval {

class StoredRows {
 public:
  explicit StoredRows(int64_t dimension) : dimension_(dimension) {}

  int64_t size() const { return static_cast<int64_t>(ids_.size()); }
  std::span<const int64_t> ids() const { return ids_; }
  const float* row(int64_t number) const { return vectors_.data() + number * dimension_; }
  RowsView view() const { return {ids_, vectors_.data(), dimension_, &leading_}; }

  // Rows that follow; VectorIndex::add()'s demands and errors.
  Status add(std::span<const int64_t> ids, std::span<const float> vectors);
  void reserve(int64_t rows);
  // Drops the rows whose id is less.
  void drop_before(int64_t id);
  // The inverse of put_rows(), for rows still empty. kDataLoss as take_ids() and check_vectors().
  Status read(ByteSource& source, int64_t rows);

 private:
  void lead() { leading_.follow(vectors_.data(), dimension_, size()); }

  int64_t dimension_;
  std::vector<int64_t> ids_;
  std::vector<float> vectors_;  // [ids, dimension]
  LeadingColumns leading_;
};

}  // namespace skipcast::retrieval
