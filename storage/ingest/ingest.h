// Ingest: a stream of states into an archive, block after block, each acknowledged on disk.
//
// Promises: what is acknowledged stays, whatever goes wrong later (bad line, full disk, Ctrl-C);
// an interrupted ingest goes on with resume; states that overlap the archive must be identical
// and are then skipped and counted. Memory: memory_bytes, at any size (the plan: memory_plan.h).
// One ingest an archive at a time (kLocked otherwise).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "storage/progress.h"
#include "storage/readers/state_reader.h"
#include "storage/schema/schema.h"
#include "storage/series/memory_plan.h"
#include "storage/status.h"

namespace skipcast::storage {

// Bytes free for `path` (it need not exist yet: its nearest existing parent counts), as statvfs
// tells, or -1 when unknown.
int64_t free_disk_bytes(const std::string& path);

struct IngestOptions {
  bool append = false;       // add later states to an archive that is there
  bool resume = false;       // go on after an interrupted ingest; makes the archive if need be
  bool dry_run = false;      // read and check everything, write nothing
  int64_t block_states = 0;  // states a block; 0 = as many as make about 8 MiB (less memory: less)
  int64_t memory_bytes = kMemoryBytesDefault;
  Progress progress;  // jobs "check" (reading ahead), then "ingest" (storing)
  std::function<int64_t(const std::string& path)> free_bytes = free_disk_bytes;
};

struct IngestedVariable {
  std::string name;
  int64_t values = 0;        // read, missing ones included
  double missing_share = 0;  // of those
};

struct IngestReport {
  bool created = false;  // the archive is new (dry run: would be)
  bool dry_run = false;
  int64_t states_read = 0;     // from the files, filled gaps included
  int64_t states_added = 0;    // dry run: would be added; filled gaps included
  int64_t states_skipped = 0;  // were there already, identical
  int64_t gap_states = 0;      // filled with NaN: times missing in the files or before them
  int64_t states_total = 0;    // in the archive afterwards
  int64_t blocks = 0;          // appended
  int64_t bytes = 0;           // of float32 appended, before compression
  double seconds = 0;
  int64_t first_time_s = 0, last_time_s = 0;  // of the states read
  std::vector<IngestedVariable> variables;
  std::vector<std::string> warnings;  // sentences for the user
};

// Reads `reader` to its end into the archive folder `path`.
//
// Without append or resume the folder must be new or empty. With them the reader's variables
// (name, units, log transform, order), places and step must be the archive's, else kRefused names
// the first difference. The reader's first state may lie anywhere from the archive's start on;
// a hole between the archive's end and it is filled with NaN up to gap_states_max of the archive
// (0: up to a million states), else kBadInput names the times. A task list that the reader brings
// and that differs replaces the archive's, with a warning.
//
// A variable without a single value is kBadInput. A dry run and a first ingest of up to 64 MiB of
// states find it before anything is written; a larger one at its end: the archive then stays,
// complete and readable, and the message says so. Appended to an archive it is a warning (a
// sensor may be silent for a while).
//
// Other failures: those of the reader (a first ingest whose fault lies in the first 64 MiB leaves
// no archive; else all states before the fault are stored); kNoSpace when less than the next block
// and a reserve of 16 MiB is free; kInterrupted when progress() returned false. Their messages end
// with what is stored and how to go on.
Result<IngestReport> ingest(StateReader& reader, const std::string& path,
                            const IngestOptions& options);

// The first difference between the archive's schema and the input's that forbids appending, as a
// kRefused sentence with a remedy; ok when there is none.
Status check_same_series(const Schema& archive, const Schema& input, const std::string& path);

}  // namespace skipcast::storage
