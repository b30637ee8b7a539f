// Verifying an archive: every stored byte is read and compared with what was acknowledged.
#pragma once

#include <cstdint>
#include <string>

#include "storage/progress.h"
#include "storage/series/archive_open.h"
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

// The archive, open for reading, with RocksDB's own checksums checked. open() errors.
Result<OpenArchive> open_checked(const std::string& archive);

// Checks one block of an open archive as verify_series does: the number of its rows. Every record
// is handed to `visit` once it is known to be sound; its failure ends the check.
Result<int64_t> check_block(const OpenArchive& archive, int64_t block,
                            const RowDatabase::VisitRecord& visit);

}  // namespace skipcast::storage
