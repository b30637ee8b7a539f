// Exact search by FAISS's L2 scan (tested with 1.7.3). Payload: rows, dimension (int64), ids,
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

  Result<std::string> serialize() const override { return pack_rows(view()); }

  // Takes over rows instead of copying them; for an index still empty.
  Status take(PackedRows packed) {
    SKIPCAST_TRY_OK(check_added(view(), packed.ids, packed.vectors));
    ids_ = std::move(packed.ids);
    vectors_ = std::move(packed.vectors);
    return Status();
  }

 private:
  RowsView view() const { return {ids_, vectors_.data(), dimension_}; }

  const int64_t dimension_;
  std::vector<int64_t> ids_;
  std::vector<float> vectors_;  // [ids, dimension]
};

}  // namespace

std::unique_ptr<VectorIndex> make_flat_index(int64_t dimension) {
  return std::make_unique<FlatIndex>(dimension);
}

Result<std::unique_ptr<VectorIndex>> load_flat_index(std::string_view bytes, int64_t dimension,
                                                     int64_t rows) {
  storage::ByteReader reader(bytes);
  SKIPCAST_TRY(PackedRows packed, unpack_rows(reader, dimension, rows));
  if (reader.remaining() != 0) return data_loss("the flat index holds bytes beyond its rows");
  auto index = std::make_unique<FlatIndex>(dimension);
  SKIPCAST_TRY_OK(index->take(std::move(packed)));
  return std::unique_ptr<VectorIndex>(std::move(index));
}

}  // namespace skipcast::retrieval
