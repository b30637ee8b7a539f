// Salvage: out of a damaged archive, everything that is provably intact.
//
// A row's seal covers the store id, its variable and time, and its bytes, so each row proves
// itself, whatever became of the rows, receipts and logs around it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/progress.h"
#include "storage/status.h"

namespace skipcast::storage {

// Values that are not in the salvaged archive although the damaged one may once have held them:
// they are missing (NaN) there, or beyond its end.
struct Loss {
  std::string variable;
  int64_t first = 0, states = 0;
};

struct SalvageReport {
  int64_t states = 0;              // in the new archive
  std::vector<Loss> losses;        // in order of variable and time
  std::vector<std::string> notes;  // sentences for the user: what else was damaged
};

// Makes the new archive `to` (kRefused when it exists and is not empty) from the damaged archive
// `from`, which stays untouched: the same store id, so that its models fit, the states that are
// intact, NaN where they are lost or were erased. What lies beside the series is not copied.
// A database that RocksDB does not open is copied into `to` for the time being and repaired there.
// kDataLoss when CONFIG.json and its copy are both unreadable or no row is intact; kInterrupted
// (progress "salvage"); then there is no `to`.
Result<SalvageReport> salvage_series(const std::string& from, const std::string& to,
                                     const Progress& progress);

}  // namespace skipcast::storage
