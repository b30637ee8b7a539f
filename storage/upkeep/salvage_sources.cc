#include "storage/upkeep/salvage_sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "storage/files/file_io.h"
#include "storage/series/archive_making.h"
#include "storage/series/recovery.h"

namespace skipcast::storage {
namespace {

namespace fs = std::filesystem;

// The last eight bytes of a key's number part as it stands there, big-endian.
int64_t big_endian(std::string_view bytes) {
  uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<uint8_t>(byte);
  return static_cast<int64_t>(number);
}

// The record of one key, or nothing when it is absent or unreadable.
std::optional<std::string> record(const RowDatabase& rows, const std::string& key) {
  std::optional<std::string> found;
  const std::vector<std::string> keys{key};
  const Status status = rows.get_all(keys, [&](size_t, std::string_view bytes) {
    found = std::string(bytes);
    return Status();
  });
  return status.ok() ? found : std::nullopt;
}

}  // namespace

SalvageSources::SalvageSources(std::string scratch, const ArchiveConfig& config)
    : scratch_(std::move(scratch)),
      context_{config.store_id, config.schema.places.count()},
      variables_(static_cast<int32_t>(config.schema.variables.size())),
      row_states_(row_states_for(context_.places)) {}

SalvageSources::~SalvageSources() {
  rows_.clear();
  std::error_code ignored;
  fs::remove_all(scratch_, ignored);
}

Result<std::unique_ptr<SalvageSources>> SalvageSources::open(
    const std::string& archive, const std::string& scratch, const ArchiveConfig& config,
    const std::optional<Receipt>& acknowledged) {
  std::unique_ptr<SalvageSources> sources(new SalvageSources(scratch, config));
  const RowDatabaseOptions options =
      database_options(config.schema, RowDatabaseOptions::Access::kRead);
  Result<Rows> direct = RowDatabase::open(database_path(archive), options);
  if (direct.ok()) {
    sources->rows_.push_back(std::move(direct).value());
    if (sources->is_whole(config, acknowledged)) return sources;
  } else {
    sources->notes_.push_back(direct.status().message());
  }
  const Status repaired = sources->add_repaired(archive, options);
  if (!repaired.ok() && sources->rows_.empty()) return repaired;
  if (!repaired.ok()) sources->notes_.push_back(repaired.message());
  return sources;
}

bool SalvageSources::is_whole(const ArchiveConfig& config,
                              const std::optional<Receipt>& acknowledged) const {
  return acknowledged && walk_blocks(*rows_.front(), config.schema, config.store_id,
                                     {.acknowledged = *acknowledged})
                             .ok();
}

Status SalvageSources::add_repaired(const std::string& archive, const RowDatabaseOptions& options) {
  std::error_code error;
  fs::copy(database_path(archive), scratch_, fs::copy_options::recursive, error);
  if (error == std::errc::no_such_file_or_directory) {
    return data_loss(fmt::format("'{}' is missing", database_path(archive)));
  }
  if (error) return system_error("copy for repair to", scratch_, error.value());
  SKIPCAST_TRY_OK(repair_database(scratch_, options));
  SKIPCAST_TRY(Rows rows, RowDatabase::open(scratch_, options));
  rows_.push_back(std::move(rows));
  return Status();
}

// A scan stops at the first damaged block of a file: then every key there can be is asked for.
void SalvageSources::visit_kind(const RowDatabase& rows, const RowId& begin,
                                const TakeRow& take) const {
  std::string scratch;
  const auto visit = [&](std::string_view key, std::string_view bytes) {
    RowId row = begin;
    row.first = big_endian(key.substr(key.size() - sizeof row.first));
    row.states = claimed_states(bytes);
    if (row.states < 1 || row.states > begin.first + row_states_ - row.first) return Status();
    const auto values = decode_row(row, bytes, context_, scratch);
    if (values.ok()) take(row, *values);
    return Status();
  };
  RowId end = begin;
  end.first += row_states_;
  if (rows.scan(row_key(begin), row_key(end), visit).ok()) return;
  for (RowId row = begin; row.first < end.first; ++row.first) {
    const std::string key = row_key(row);
    if (const auto bytes = record(rows, key)) (void)visit(key, *bytes);
  }
}

void SalvageSources::visit_rows(int32_t variable, int64_t begin, const TakeRow& take) const {
  for (const Rows& rows : rows_) {
    for (const RowKind kind : {RowKind::kGathered, RowKind::kPiece}) {
      visit_kind(*rows, {kind, variable, begin, 0}, take);
    }
  }
}

int64_t SalvageSources::states_named() const {
  int64_t end = 0;
  for (const Rows& rows : rows_) {
    for (int32_t v = 0; v < variables_; ++v) {
      const std::string key = rows->last_key(row_key({RowKind::kPiece, v, 0, 0}),
                                             row_key({RowKind::kPiece, v, INT64_MAX, 0}));
      if (key.empty()) continue;
      // How many states the row has is not known yet: to the end of its stretch, at most.
      const int64_t first = big_endian(std::string_view(key).substr(key.size() - 8));
      end = std::max(end, (first / row_states_ + 1) * row_states_);
    }
  }
  return end;
}

int64_t SalvageSources::blocks_named() const {
  int64_t blocks = 0;
  for (const Rows& rows : rows_) {
    const std::string key = rows->last_key(header_key(1), header_key(INT64_MAX));
    if (!key.empty()) blocks = std::max(blocks, big_endian(std::string_view(key).substr(1, 8)));
  }
  return blocks;
}

// The first intact record of this key, decoded.
template <typename Decode>
auto SalvageSources::find(const std::string& key, const Decode& decode) const {
  using Found = std::decay_t<decltype(*decode(std::string_view()))>;
  for (const Rows& rows : rows_) {
    const auto bytes = record(*rows, key);
    if (!bytes) continue;
    const Result<Found> found = decode(*bytes);
    if (found.ok()) return std::optional<Found>(*found);
  }
  return std::optional<Found>();
}

std::optional<BlockHeader> SalvageSources::header(int64_t block) const {
  const std::string key = header_key(block);
  return find(key, [&](std::string_view bytes) {
    uint32_t seal = 0;
    return decode_header(key, bytes, context_.store_id, seal);
  });
}

std::optional<Erasure> SalvageSources::tombstone(int64_t block) const {
  const std::string key = tombstone_key(block);
  return find(key, [&](std::string_view bytes) {
    uint32_t seal = 0;
    return decode_tombstone(key, bytes, context_, seal);
  });
}

}  // namespace skipcast::storage
