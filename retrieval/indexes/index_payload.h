// How the rows of an index lie in its envelope's payload: rows, dimension (int64), ids[rows],
// vectors[rows, dimension] (float32), all little-endian; kinds append their own parts.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "retrieval/indexes/byte_stream.h"
#include "retrieval/indexes/row_scan.h"

namespace skipcast::retrieval {

struct RowCounts {
  int64_t rows = 0, dimension = 0;
};

Status put_rows(const ByteSink& sink, const RowsView& view);
// Takes counts and ids from the front, up to the vectors. kDataLoss when the counts are not the
// wanted ones, more bytes are claimed than there are (nothing is allocated before that is
// checked), or the ids do not increase.
Status take_ids(ByteSource& source, const RowCounts& wanted, std::vector<int64_t>& ids);
// kDataLoss when a value is not finite.
Status check_vectors(std::span<const float> vectors);

Result<std::unique_ptr<VectorIndex>> load_flat_index(ByteSource& source, const RowCounts& wanted);
Result<std::unique_ptr<VectorIndex>> load_hnsw_index(ByteSource& source, const RowCounts& wanted);
Result<std::unique_ptr<VectorIndex>> load_ivfpq_index(ByteSource& source, const RowCounts& wanted);

}  // namespace skipcast::retrieval
