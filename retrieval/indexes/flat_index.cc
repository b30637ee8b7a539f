// Exact search with FAISS's distances (tested with 1.7.3). Payload: rows, dimension (int64), ids,
// vectors; sizes are checked against the bytes before anything is allocated.
#include "retrieval/indexes/index_payload.h"
#include "retrieval/indexes/stored_rows.h"

namespace skipcast::retrieval {
namespace {

class FlatIndex final : public VectorIndex {
 public:
  explicit FlatIndex(int64_t dimension) : dimension_(dimension), rows_(dimension) {
    SKIPCAST_CHECK(dimension >= 1);
  }

  const char* kind() const override { return "flat"; }
  int64_t dimension() const override { return dimension_; }
  std::span<const int64_t> ids() const override { return rows_.ids(); }
  RowsView rows() const override { return rows_.view(); }

  Status add(std::span<const int64_t> ids, std::span<const float> vectors) override {
    return rows_.add(ids, vectors);
  }

  Result<std::vector<Neighbour>> search(std::span<const float> query, int64_t k,
                                        std::span<const Interval> allowed,
                                        int64_t /*beam*/) const override {
    return search_exact(query, k, allowed);
  }

  Result<std::vector<Neighbour>> search_exact(std::span<const float> query, int64_t k,
                                              std::span<const Interval> allowed) const override {
    SKIPCAST_TRY_OK(check_query(dimension_, query, k));
    return scan_rows(rows_.view(), query, k, rows_within(ids(), allowed));
  }

  Approach approach(const Wanted& /*wanted*/) const override { return {}; }

  Status write(const ByteSink& sink) const override { return put_rows(sink, rows_.view()); }

  void reserve(int64_t rows) override { rows_.reserve(rows); }

  // The inverse of write(), for an index still empty.
  Status read(ByteSource& source, int64_t rows) {
    SKIPCAST_TRY_OK(rows_.read(source, rows));
    if (source.remaining() != 0) return data_loss("the flat index holds bytes beyond its rows");
    return Status();
  }

 private:
  const int64_t dimension_;
  StoredRows rows_;
};

}  // namespace

int64_t flat_index_bytes(int64_t dimension, int64_t rows) {
  return rows * (8 + 4 * dimension) + LeadingColumns::bytes(dimension, rows);
}

std::unique_ptr<VectorIndex> make_flat_index(int64_t dimension) {
  return std::make_unique<FlatIndex>(dimension);
}

Result<std::unique_ptr<VectorIndex>> load_flat_index(ByteSource& source, const RowCounts& wanted) {
  if (wanted.dimension < 1) return data_loss("an index of vectors without values");
  auto index = std::make_unique<FlatIndex>(wanted.dimension);
  SKIPCAST_TRY_OK(index->read(source, wanted.rows));
  return std::unique_ptr<VectorIndex>(std::move(index));
}

}  // namespace skipcast::retrieval
