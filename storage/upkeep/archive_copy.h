// Whole archives: backup and restore (an exact copy), compaction (the same states, written anew).
//
// Everything else in the folder (index/, models/, policies/, files of the user's) goes along as it
// is; *.tmp files do not. What a file of the layers above holds is theirs to check.
#pragma once

#include <cstdint>
#include <string>

#include "storage/progress.h"
#include "storage/status.h"

namespace skipcast::storage {

struct CopyReport {
  int64_t blocks = 0, states = 0;  // of the copy
  int64_t bytes = 0;               // of the copy's folder
  int64_t bytes_before = 0;        // of the source's
};

// A copy of the archive `from` as it was acknowledged when this began, in the new folder `to`; a
// writer may go on beside it. Every record is checked against its seals on the way, and the copy
// is read back and verified: it is the same archive (same store id and chain, so that indexes and
// models fit it) at that moment. Restoring is the same with the folders exchanged. kRefused when
// `to` exists and is not empty, kDataLoss when `from` is damaged, kNoSpace, kInterrupted (progress
// "copy", "verify"); then there is no `to`.
Result<CopyReport> copy_archive(const std::string& from, const std::string& to,
                                const Progress& progress);

// Writes the archive anew: large blocks, no tombstones, and the bytes of erased values gone from
// its files. Takes the writer's lock (kLocked); readers in other processes keep what they opened,
// but in this process no other store of this archive may be open.
// The new folder takes the old one's place in one step, after it was verified; a kill at any moment
// leaves the old archive or the new one. Chains change, so indexes are built anew at their next
// use. Needs room for a second copy (kNoSpace). kUnsupported where the file system cannot exchange
// folders.
Result<CopyReport> compact_archive(const std::string& archive, const Progress& progress);

// Copies one file durably; kNotFound, kIo, kNoSpace.
Status copy_file_durably(const std::string& from, const std::string& to);

}  // namespace skipcast::storage
