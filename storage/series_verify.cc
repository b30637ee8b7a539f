#include "storage/series_verify.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>
#include <vector>

#include "storage/archive_open.h"
#include "storage/block_format.h"

namespace skipcast::storage {
namespace {

constexpr int kOpenAttempts = 8;

// The archive with RocksDB's own checksums checked. A file that is gone may be one that a writer's
// compaction has replaced since we opened: then a new look finds the new one, a lost file never.
Result<OpenArchive> open_checked(const std::string& path) {
  for (int attempt = 1;; ++attempt) {
    SKIPCAST_TRY(OpenArchive archive, open_archive(path, OpenMode::kReadOnly));
    const Status status = archive.rows->verify_checksums();
    if (status.ok()) return archive;
    if (status.code() != Code::kNotFound) return in_archive(path, status);
    if (attempt == kOpenAttempts) return in_archive(path, data_loss(status.message()));
    std::this_thread::sleep_for(std::chrono::milliseconds(5 << attempt));
  }
}

// The rows of a block in key order: gathered ones first, then the pieces.
std::vector<RowId> rows_of(const BlockTable& table, int64_t block, int32_t variables) {
  std::vector<RowId> rows;
  RowId gathered = table.gathered(block);
  for (; gathered.states > 0 && gathered.variable < variables; ++gathered.variable) {
    rows.push_back(gathered);
  }
  const std::vector<RowId> pieces = table.pieces(block);
  for (int32_t variable = 0; variable < variables; ++variable) {
    for (RowId piece : pieces) {
      piece.variable = variable;
      rows.push_back(piece);
    }
  }
  return rows;
}

// A block's rows, or its tombstone, against the footer that sealed them; the walk has already held
// a tombstone against its footer.
Status check_block(const OpenArchive& archive, int64_t block, VerifyReport& report) {
  ++report.blocks;
  if (archive.series.table.info(block).states == 0) return Status();
  const Schema& schema = archive.config.schema;
  const RecordContext context{archive.config.store_id, schema.places.count()};
  const std::vector<RowId> rows =
      rows_of(archive.series.table, block, static_cast<int32_t>(schema.variables.size()));
  std::vector<std::string> keys;
  for (const RowId& row : rows) keys.push_back(row_key(row));
  std::string scratch;
  uint32_t rows_crc = 0;
  SKIPCAST_TRY_OK(archive.rows->get_all(keys, [&](size_t i, std::string_view bytes) {
    const auto values = decode_row(rows[i], bytes, context, scratch);
    if (!values.ok()) {
      return data_loss(fmt::format("variable '{}', states {}..{}: {}",
                                   schema.variables[rows[i].variable].name, rows[i].first,
                                   rows[i].first + rows[i].states - 1, values.status().message()));
    }
    rows_crc = crc_with_seal(rows_crc, stored_seal(bytes));
    return Status();
  }));
  const std::vector<std::string> footer_keys{footer_key(block)};
  SKIPCAST_TRY_OK(archive.rows->get_all(footer_keys, [&](size_t, std::string_view bytes) {
    uint32_t seal = 0;
    SKIPCAST_TRY(const BlockFooter footer,
                 decode_footer(footer_keys[0], bytes, context.store_id, seal));
    return footer.rows_crc == rows_crc ? Status() : data_loss("its rows are not those it sealed");
  }));
  report.rows += static_cast<int64_t>(rows.size());
  report.states += archive.series.table.info(block).states;
  return Status();
}

}  // namespace

Result<VerifyReport> verify_series(const std::string& archive_path, const Progress& progress) {
  const std::string path = without_trailing_slashes(archive_path);
  SKIPCAST_TRY(const OpenArchive archive, open_checked(path));
  VerifyReport report;
  const int64_t blocks = archive.series.table.count();
  for (int64_t block = 1; block <= blocks; ++block) {
    if (const Status status = check_block(archive, block, report); !status.ok()) {
      return in_archive(path, Status(status.code(),
                                     fmt::format("block {}: {}", block, status.message())));
    }
    const double fraction = static_cast<double>(block) / static_cast<double>(blocks);
    if (!tell(progress, {fraction, "verify", fmt::format("block {} of {}", block, blocks)})) {
      return Status(Code::kInterrupted, "verify was stopped");
    }
  }
  return report;
}

}  // namespace skipcast::storage
