// Verifying an archive: every stored byte is read and compared with what was acknowledged.
#pragma once

#include <cstdint>
#include <string>

#include "storage/progress.h"
#include "storage/status.h"

namespace skipcast::storage {

struct VerifyReport {
  int64_t blocks = 0;
  int64_t rows = 0;
  int64_t states = 0;
};

// Opens the archive for reading (a writer may go on), checks RocksDB's own checksums, and then
// every row's seal and every block's list of seals against its footer. ok = all acknowledged
// states are there, bit for bit. kDataLoss names the block and row; kInterrupted; open() errors.
Result<VerifyReport> verify_series(const std::string& archive, const Progress& progress);

}  // namespace skipcast::storage
