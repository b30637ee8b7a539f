// Opening what is on disk: the walk over all block headers and footers (FORMATS.md 3: a receipt
// that RocksDB cannot forget), used by SeriesStore::open and by verify_series.
#pragma once

#include <string>

#include "storage/blocks/head_receipt.h"
#include "storage/schema/schema.h"
#include "storage/series/block_table.h"
#include "storage/series/row_database.h"
#include "storage/status.h"

namespace skipcast::storage {

struct RecoveredSeries {
  BlockTable table;
  Receipt last;  // of the newest block in the database
};

// Walks header and footer rows 1..last: contiguous, sealed, chained, of the schema's shape, and
// at least as far as `acknowledged`, whose chain they must meet. kDataLoss says which block.
// With `through_acknowledged`, blocks after it (a writer's, not yet acknowledged) are left out.
struct WalkOptions {
  Receipt acknowledged;
  bool through_acknowledged = false;
};
Result<RecoveredSeries> walk_blocks(const RowDatabase& rows, const Schema& schema,
                                    const std::string& store_id, const WalkOptions& options);

// Rows a block of the series must have: for every variable its pieces and gathered row; 1 for a
// tombstone.
int64_t rows_of_block(const BlockTable& table, int64_t block, int64_t variables);

}  // namespace skipcast::storage
