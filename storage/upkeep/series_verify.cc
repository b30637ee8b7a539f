#include "storage/upkeep/series_verify.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>
#include <vector>

#include "storage/blocks/block_format.h"

namespace skipcast::storage {
namespace {

constexpr int kOpenAttempts = 8;

using VisitRecord = RowDatabase::VisitRecord;

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

std::string row_name(const Schema& schema, const RowId& row) {
  return fmt::format("variable '{}', states {}..{}", schema.variables[row.variable].name, row.first,
                     row.first + row.states - 1);
}

// The seals of the block's rows, as its footer has them.
Result<uint32_t> check_rows(const OpenArchive& archive, std::span<const RowId> rows,
                            const VisitRecord& visit) {
  const Schema& schema = archive.config.schema;
  const RecordContext context{archive.config.store_id, schema.places.count()};
  std::vector<std::string> keys;
  for (const RowId& row : rows) keys.push_back(row_key(row));
  std::string scratch;
  uint32_t rows_crc = 0;
  SKIPCAST_TRY_OK(archive.rows->get_all(keys, [&](size_t i, std::string_view bytes) {
    const auto values = decode_row(rows[i], bytes, context, scratch);
    if (!values.ok()) {
      return data_loss(fmt::format("{}: {}", row_name(schema, rows[i]), values.status().message()));
    }
    rows_crc = crc_with_seal(rows_crc, stored_seal(bytes));
    return visit ? visit(keys[i], bytes) : Status();
  }));
  return rows_crc;
}

Status visit_tombstone(const OpenArchive& archive, int64_t block, const VisitRecord& visit) {
  const std::vector<std::string> keys{header_key(block), tombstone_key(block), footer_key(block)};
  return archive.rows->get_all(keys, [&](size_t i, std::string_view bytes) {
    return visit ? visit(keys[i], bytes) : Status();
  });
}

}  // namespace

Result<int64_t> check_block(const OpenArchive& archive, int64_t block, const VisitRecord& visit) {
  if (archive.series.table.info(block).states == 0) {  // the walk has held it against its footer
    SKIPCAST_TRY_OK(visit_tombstone(archive, block, visit));
    return 1;
  }
  const std::vector<RowId> rows = rows_of(
      archive.series.table, block, static_cast<int32_t>(archive.config.schema.variables.size()));
  SKIPCAST_TRY(const uint32_t rows_crc, check_rows(archive, rows, visit));
  const std::vector<std::string> keys{header_key(block), footer_key(block)};
  SKIPCAST_TRY_OK(archive.rows->get_all(keys, [&](size_t i, std::string_view bytes) {
    if (i == 1) {
      uint32_t seal = 0;
      SKIPCAST_TRY(const BlockFooter footer,
                   decode_footer(keys[i], bytes, archive.config.store_id, seal));
      if (footer.rows_crc != rows_crc) return data_loss("its rows are not those it sealed");
    }
    return visit ? visit(keys[i], bytes) : Status();
  }));
  return static_cast<int64_t>(rows.size());
}

// A file that is gone may be one that a writer's
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

Result<VerifyReport> verify_series(const std::string& archive_path, const Progress& progress) {
  const std::string path = without_trailing_slashes(archive_path);
  SKIPCAST_TRY(const OpenArchive archive, open_checked(path));
  VerifyReport report;
  const int64_t blocks = archive.series.table.count();
  for (int64_t block = 1; block <= blocks; ++block) {
    const Result<int64_t> rows = check_block(archive, block, {});
    if (!rows.ok()) {
      return in_archive(path, Status(rows.status().code(),
                                     fmt::format("block {}: {}", block, rows.status().message())));
    }
    report.rows += *rows;
    report.states += archive.series.table.info(block).states;
    ++report.blocks;
    const double fraction = static_cast<double>(block) / static_cast<double>(blocks);
    if (!tell(progress, {fraction, "verify", fmt::format("block {} of {}", block, blocks)})) {
      return Status(Code::kInterrupted, "verify was stopped");
    }
  }
  return report;
}

}  // namespace skipcast::storage
