// The series store: an archive folder whose states are never lost and never lie.
//
// Layout: CONFIG.json (schema, format version, store id; checksummed; CONFIG.copy.json the same
// again), db/ (RocksDB), HEAD (two receipt slots). Append protocol and recovery: FORMAT in
// series_store.cc (one synced WriteBatch of header, rows, footer; then the receipt). A row holds
// up to kRowStates consecutive states of ONE variable, so a window reads only its own bytes.
// Thread safety: any number of threads may read while one appends.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "storage/schema/schema.h"
#include "storage/schema/states.h"
#include "storage/series/memory_plan.h"
#include "storage/status.h"

namespace skipcast::storage {

inline constexpr int32_t kFormatVersion = 2;  // newest that is read; 1 until something is erased

enum class OpenMode { kReadWrite, kReadOnly };

struct StoreOptions {
  // Write buffers, caches and open files of the store stay within this, at any size of the archive;
  // what callers hold is theirs.
  int64_t memory_bytes = kMemoryBytesDefault;
};

class SeriesStore {
 public:
  // Makes the folder and an empty store. kRefused when the folder exists and is not empty.
  static Result<std::unique_ptr<SeriesStore>> create(const std::string& path, const Schema& schema,
                                                     const StoreOptions& options = {});
  // Opens and recovers (storage/FORMATS.md 3). kDataLoss names the file and the remedy,
  // kLocked the other writer, kUnsupported a newer format version, kNotFound no archive.
  static Result<std::unique_ptr<SeriesStore>> open(const std::string& path, OpenMode mode,
                                                   const StoreOptions& options = {});
  virtual ~SeriesStore() = default;

  // Returns once the block survives power loss and is visible to readers. block.first must be
  // <= size(): overlapping states must be identical (skipped) or kRefused names variable, place,
  // time; where something was erased anything is skipped and the states stay erased. A gap must be
  // filled with NaN states by the caller. After kNoSpace or kIo what was acknowledged stays
  // readable, and the next append opens the database anew and goes on if the cause is gone; the
  // failed block may be there by then (appending it again skips it).
  virtual Result<AppendReceipt> append(const StateBlock& block) = 0;

  // Writes a tombstone for states first..first+states-1 (erasure.block is not looked at): from now
  // on they read as missing, for good. Durable like append(). compact_archive() removes the bytes.
  // kNotFound for states or places that are not there.
  virtual Status erase(const Erasure& erasure) = 0;

  // Reads states first..first+count-1 of the given variables into
  // out[count, variables.size(), places]. kNotFound outside [0, size()); kDataLoss on a bad row.
  virtual Status read(int64_t first, int64_t count, std::span<const int32_t> variables,
                      std::span<float> out) const = 0;

  virtual int64_t size() const = 0;          // states acknowledged
  virtual const Schema& schema() const = 0;  // valid as long as the store, after set_tasks() too
  virtual const std::string& path() const = 0;
  virtual const std::string& store_id() const = 0;  // 32 hex digits, random at creation
  virtual std::vector<BlockInfo> blocks() const = 0;
  virtual Receipt last() const = 0;  // of the newest block acknowledged
  // Checksum of the chain up to `block`, 0..last().block.
  virtual uint32_t chain_at(int64_t block) const = 0;
  virtual std::vector<Erasure> erasures() const = 0;  // in order of their blocks
  // Replaces the task list only (the rest of a schema is fixed at creation). Atomic.
  virtual Status set_tasks(const std::string& tasks_json) = 0;
};

// True when the store's history goes through this block: what was made of an archive up to there
// was made of this one, and not of a copy that parted before.
bool has_history(const SeriesStore& store, int64_t block, uint32_t chain);

// Tests and benches find the raw database's settings in row_database.h: rocksdb_options().

}  // namespace skipcast::storage
