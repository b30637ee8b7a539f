// Exact search with FAISS's distances (tested with 1.7.3). Payload: rows, dimension (int64), ids,
// vectors; sizes are checked against the bytes before anything is allocated.
#include "retrieval/index_payload.h"
#include "retrieval/row_scan.h"

namespace skipcast::retrieval {
namespace {

class FlatIndex final : public VectorIndex {
 public:
  explicit FlatIndex(int64_t dimension) : dimension_(dimension) {
    SKIPCAST_CHECK(dimension >= 1);
  }

  const char* kind() const override { return "flat"; }
  int64_t dimension() const override { return dimension_; }
  std::span<const int64_t> ids() const override { return ids_; }

  Status add(std::span<const int64_t> ids, std::span<const float> vectors) override {
    SKIPCAST_TRY_OK(check_added(view(), ids, vectors));
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    vectors_.insert(vectors_.end(), vectors.begin(), vectors.end());
    lead();
    return Status();
  }

  Result<std::vector<Neighbour>> search(std::span<const float> query, int64_t k,
                                        std::span<const Interval> allowed,
                                        int64_t /*beam*/) const override {
    return search_exact(query, k, allowed);
  }

  Result<std::vector<Neighbour>> search_exact(std::span<const float> query, int64_t k,
                                              std::span<const Interval> allowed) const override {
    SKIPCAST_TRY_OK(check_query(dimension_, query, k));
    return scan_rows(view(), query, k, rows_within(ids_, allowed));
  }

  Approach approach(const Wanted& /*wanted*/) const override { return {}; }

  Status write(const ByteSink& sink) const override { return put_rows(sink, view()); }

  void reserve(int64_t rows) override {
    ids_.reserve(static_cast<size_t>(rows));
    vectors_.reserve(static_cast<size_t>(rows * dimension_));
    leading_.reserve(dimension_, rows);
  }

  // The inverse of write(), for an index still empty.
  Status read(ByteSource& source, int64_t rows) {
    SKIPCAST_TRY_OK(take_ids(source, {rows, dimension_}, ids_));
    SKIPCAST_TRY_OK(take_array(source, rows * dimension_, vectors_));
    if (source.remaining() != 0) return data_loss("the flat index holds bytes beyond its rows");
    lead();
    return check_vectors(vectors_);
  }

 private:
  RowsView view() const { return {ids_, vectors_.data(), dimension_, &leading_}; }
  void lead() { leading_.follow(vectors_.data(), dimension_, static_cast<int64_t>(ids_.size())); }

  const int64_t dimension_;
  std::vector<int64_t> ids_;
  std::vector<float> vectors_;  // [ids, dimension]
  LeadingColumns leading_;
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
