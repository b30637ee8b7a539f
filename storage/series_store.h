// The series store: an archive folder whose states are never lost and never lie.
//
// Layout: CONFIG.json (schema, format version, store id; checksummed), db/ (RocksDB),
// HEAD (two receipt slots). Append protocol and recovery: FORMAT in series_store.cc
// (one synced WriteBatch of header, rows, footer; then the receipt). A row holds up to
// kRowStates consecutive states of ONE variable, so a window reads only its own bytes.
// Thread safety: any number of threads may read while one appends.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "storage/schema.h"
#include "storage/status.h"

namespace skipcast::storage {

inline constexpr int32_t kFormatVersion = 1;
inline constexpr int64_t kRowStates = 64;

// Consecutive states starting at index `first`: values[state, variable, place], NaN = missing.
struct StateBlock {
  int64_t first = 0;
  int64_t states = 0;
  std::vector<float> values;
};

enum class OpenMode { kReadWrite, kReadOnly };

struct AppendReceipt {
  int64_t block = 0;          // number of the block, from 1; 0 = nothing new
  int64_t states_added = 0;
  int64_t states_skipped = 0;  // overlapped and identical
};

struct BlockInfo {
  int64_t block, first, states;
};

class SeriesStore {
 public:
  // Makes the folder and an empty store. kRefused when the folder exists and is not empty.
  static Result<std::unique_ptr<SeriesStore>> create(const std::string& path, const Schema& schema);
  // Opens and recovers (RELIABILITY B5 a-d). kDataLoss names the file and the remedy,
  // kLocked the other writer, kUnsupported a newer format version, kNotFound no archive.
  static Result<std::unique_ptr<SeriesStore>> open(const std::string& path, OpenMode mode);
  virtual ~SeriesStore() = default;

  // Returns once the block survives power loss and is visible to readers. block.first must be
  // <= size(): overlapping states must be identical (skipped) or kRefused names variable, place,
  // time. A gap must be filled with NaN states by the caller. kNoSpace leaves the store readable.
  virtual Result<AppendReceipt> append(const StateBlock& block) = 0;

  // Reads states first..first+count-1 of the given variables into
  // out[count, variables.size(), places]. kNotFound outside [0, size()); kDataLoss on a bad row.
  virtual Status read(int64_t first, int64_t count, std::span<const int32_t> variables,
                      std::span<float> out) const = 0;

  virtual int64_t size() const = 0;  // states acknowledged
  virtual const Schema& schema() const = 0;
  virtual const std::string& path() const = 0;
  virtual const std::string& store_id() const = 0;  // 32 hex digits, random at creation
  virtual std::vector<BlockInfo> blocks() const = 0;
  // Replaces the task list only (the rest of a schema is fixed at creation). Atomic.
  virtual Status set_tasks(const std::string& tasks_json) = 0;
};

// Options for tests and benches that need the raw store's settings live in series_store.cc.

}  // namespace skipcast::storage
