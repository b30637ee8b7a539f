// The rows of an open series: read from the cache, else from the database; the database itself,
// which a store closes and opens anew after a failed write.
//
// Thread-safe: any number of reads together, also while write_synced() runs; exchange() waits for
// the reads at work.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <vector>

#include "storage/blocks/block_format.h"
#include "storage/schema/schema.h"
#include "storage/series/row_cache.h"
#include "storage/series/row_database.h"

namespace skipcast::storage {

// What a read asks for: states first..first+count-1 into out[count, variables, places].
struct ReadRequest {
  int64_t first, count;
  std::span<const int32_t> variables;
  std::span<float> out;
};

class SeriesRows {
 public:
  using OpenDatabase = std::function<Result<std::unique_ptr<RowDatabase>>()>;

  // `open_to_read` is called by reads that find no database (see exchange).
  SeriesRows(RecordContext context, std::unique_ptr<RowDatabase> database,
             OpenDatabase open_to_read, size_t cache_bytes);

  // Reads the planned rows (of variable 0; BlockTable::plan) for every variable asked for.
  // kDataLoss names variable and times; the failure of open_to_read when there is no database.
  Status read(std::span<const RowId> plan, const ReadRequest& request, const Schema& schema) const;

  // As RowDatabase::write_synced. REQUIRES: one writer at a time.
  Status write_synced(std::span<const Record> records);

  // Closes the database and takes the one that `open` makes instead; its failure is returned, and
  // every read tries to open the database again.
  Status exchange(const OpenDatabase& open);

 private:
  struct Target {  // a row to read, and the slot of its variable in the output
    RowId row;
    int64_t slot = 0;
  };

  std::vector<Target> targets_of(std::span<const RowId> plan, const ReadRequest& request) const;
  Status read_missed(std::span<const Target> missed, const ReadRequest& request,
                     const Schema& schema) const;
  void copy_states(const Target& target, std::string_view values, const ReadRequest& request) const;
  std::shared_lock<std::shared_mutex> read_lock() const;
  Status revive() const;

  const RecordContext context_;
  const OpenDatabase open_to_read_;
  mutable RowCache cache_;
  mutable std::mutex turnstile_;  // held by an exchange that waits, so that readers let it in
  mutable std::shared_mutex database_mutex_;
  // Guarded by database_mutex_; null: it could not be opened the last time.
  mutable std::unique_ptr<RowDatabase> database_;
};

}  // namespace skipcast::storage
