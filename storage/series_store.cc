// FORMAT of an archive folder, version 1:
//   CONFIG.json  what the archive is                         archive_config.h
//   db/          RocksDB: blocks as header, rows, footer     block_format.h
//   HEAD         receipts of the acknowledged blocks         head_receipt.h
// Other entries (index/, models/, policies/) belong to the layers above.
//
// Appending block n + 1: (1) one atomic batch of header, rows and footer; (2) written with
// sync, so it survives power loss; (3) HEAD slot (n + 1) % 2 and fdatasync; (4) acknowledged.
// Opening: (a) the newest valid HEAD slot says A blocks were acknowledged; (b) RocksDB opens
// with kTolerateCorruptedTailRecords; (c) headers and footers 1..last are walked: contiguous,
// sealed, chained, last >= A, the chain at A is HEAD's; (d) last > A (the writer died between 2
// and 3) is complete by construction: a writer rolls HEAD forward, a reader stops at A.
#include "storage/series_store.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <thread>

#include "storage/archive_config.h"
#include "storage/block_format.h"
#include "storage/block_table.h"
#include "storage/checksum.h"
#include "storage/file_io.h"
#include "storage/head_receipt.h"
#include "storage/recovery.h"
#include "storage/row_database.h"

namespace skipcast::storage {
namespace {

constexpr int64_t kBlockBytesMax = int64_t{512} << 20;
constexpr int kReadOnlyAttempts = 4;

bool worth_compressing(const Schema& schema) {
  return std::any_of(schema.variables.begin(), schema.variables.end(),
                     [](const Variable& v) { return v.codec == Codec::kFloat32; });
}

std::string database_path(const std::string& archive) { return archive + "/db"; }

Status in_archive(const std::string& archive, const Status& status) {
  if (status.code() != Code::kDataLoss || status.message().find("Restore") != std::string::npos) {
    return status;
  }
  return data_loss(fmt::format("archive '{}' is damaged: {}. Restore it from a copy, or ingest the "
                               "source files into a new archive", archive, status.message()));
}

bool same_value(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// Everything an open archive is made of.
struct OpenArchive {
  ArchiveConfig config;
  std::unique_ptr<RowDatabase> rows;
  RecoveredSeries series;
  std::optional<HeadFile> head;  // writers only
};

class RocksSeriesStore final : public SeriesStore {
 public:
  RocksSeriesStore(std::string path, OpenArchive archive)
      : path_(std::move(path)),
        store_id_(archive.config.store_id),
        variables_(static_cast<int64_t>(archive.config.schema.variables.size())),
        context_{store_id_, archive.config.schema.places.count()},
        rows_(std::move(archive.rows)),
        head_(std::move(archive.head)),
        last_(archive.series.last),
        table_(std::move(archive.series.table)) {
    publish_schema(std::make_unique<Schema>(std::move(archive.config.schema)));
  }

  Result<AppendReceipt> append(const StateBlock& block) override;
  Status read(int64_t first, int64_t count, std::span<const int32_t> variables,
              std::span<float> out) const override;
  Status set_tasks(const std::string& tasks_json) override;

  int64_t size() const override {
    const std::shared_lock lock(table_mutex_);
    return table_.size();
  }
  std::vector<BlockInfo> blocks() const override {
    const std::shared_lock lock(table_mutex_);
    std::vector<BlockInfo> infos;
    for (int64_t block = 1; block <= table_.count(); ++block) infos.push_back(table_.info(block));
    return infos;
  }
  const Schema& schema() const override { return *schema_.load(); }
  const std::string& path() const override { return path_; }
  const std::string& store_id() const override { return store_id_; }

 private:
  struct Target {  // a row to read, and the slot of its variable in the output
    RowId row;
    int64_t slot = 0;
  };

  Status check_append(const StateBlock& block) const;
  Status compare_overlap(const StateBlock& block, int64_t states) const;
  Result<std::vector<Record>> encode_block(const StateBlock& block, int64_t skip, Receipt& receipt);
  Status encode_gathered(const StateBlock& block, const RowId& stretch, int32_t variable,
                         std::vector<float>& values) const;
  Result<std::vector<Target>> plan_targets(int64_t first, int64_t count,
                                           std::span<const int32_t> variables,
                                           std::span<const float> out) const;
  void publish_schema(std::unique_ptr<const Schema> schema) {
    schema_ = schema.get();
    schemas_.push_back(std::move(schema));
  }

  // Constant after construction; thread-safe themselves.
  const std::string path_;
  const std::string store_id_;
  const int64_t variables_;
  const RecordContext context_;
  const std::unique_ptr<RowDatabase> rows_;

  std::mutex append_mutex_;
  std::optional<HeadFile> head_;  // guarded by append_mutex_
  Receipt last_;                  // guarded by append_mutex_
  Status failure_;                // guarded by append_mutex_; not ok: a write failed, appends end
  std::vector<std::unique_ptr<const Schema>> schemas_;  // guarded by append_mutex_; keeps old ones
  std::atomic<const Schema*> schema_;

  mutable std::shared_mutex table_mutex_;
  BlockTable table_;  // guarded by table_mutex_
};

Status RocksSeriesStore::check_append(const StateBlock& block) const {
  if (!head_) return refused(fmt::format("archive '{}' is open for reading only", path_));
  if (!failure_.ok()) return failure_;
  const int64_t state_values = variables_ * context_.places;
  if (block.states < 1 || block.first < 0) {
    return bad_input(fmt::format("an append of {} states at index {}", block.states, block.first));
  }
  if (block.states > kBlockBytesMax / static_cast<int64_t>(sizeof(float)) / state_values + 1) {
    return bad_input(fmt::format("an append of {} states is larger than {} MiB; append it in parts",
                                 block.states, kBlockBytesMax >> 20));
  }
  if (static_cast<int64_t>(block.values.size()) != block.states * state_values) {
    return bad_input(fmt::format("an append of {} states has {} values; {} variables at {} places "
                                 "need {}", block.states, block.values.size(), variables_,
                                 context_.places, block.states * state_values));
  }
  if (block.first > last_.states) {
    const TimeAxis& axis = schema().axis;
    return refused(fmt::format("the append begins at {}, but the archive ends before {}: fill the "
                               "gap of {} states", format_time(axis.time_at(block.first)),
                               format_time(axis.time_at(last_.states)),
                               block.first - last_.states));
  }
  return Status();
}

Status RocksSeriesStore::compare_overlap(const StateBlock& block, int64_t states) const {
  std::vector<int32_t> variables(static_cast<size_t>(variables_));
  for (size_t i = 0; i < variables.size(); ++i) variables[i] = static_cast<int32_t>(i);
  const int64_t state_values = variables_ * context_.places;
  const int64_t chunk = std::max<int64_t>(1, table_.row_states());
  std::vector<float> stored;
  for (int64_t done = 0; done < states; done += chunk) {
    const int64_t count = std::min(chunk, states - done);
    stored.resize(static_cast<size_t>(count * state_values));
    SKIPCAST_TRY_OK(read(block.first + done, count, variables, stored));
    const float* const offered = block.values.data() + done * state_values;
    const auto [left, right] =
        std::mismatch(stored.begin(), stored.end(), offered, same_value);
    if (left == stored.end()) continue;
    const int64_t at = left - stored.begin();
    const Schema& schema = this->schema();
    const int64_t place = at % context_.places;
    const std::string place_name = schema.places.names.empty() ? fmt::format("cell {}", place)
                                                               : schema.places.names[place];
    return refused(fmt::format(
        "the append contradicts what is stored: {} at {}, {}: stored {}, offered {}; stored states "
        "are never changed", schema.variables[at / context_.places % variables_].name, place_name,
        format_time(schema.axis.time_at(block.first + done + at / state_values)), *left, *right));
  }
  return Status();
}

// The whole stretch of one variable: stored states first, then the block's.
Status RocksSeriesStore::encode_gathered(const StateBlock& block, const RowId& stretch,
                                         int32_t variable, std::vector<float>& values) const {
  const int64_t places = context_.places;
  const int64_t stored = last_.states - stretch.first;
  values.resize(static_cast<size_t>(stretch.states * places));
  SKIPCAST_TRY_OK(read(stretch.first, stored, std::span(&variable, 1),
                       std::span(values).first(static_cast<size_t>(stored * places))));
  for (int64_t i = stored; i < stretch.states; ++i) {
    const int64_t state = stretch.first + i - block.first;
    std::memcpy(&values[i * places],
                &block.values[(state * variables_ + variable) * places], places * sizeof(float));
  }
  return Status();
}

// The batch of one block: the states of `block` after the first `skip`.
Result<std::vector<Record>> RocksSeriesStore::encode_block(const StateBlock& block, int64_t skip,
                                                           Receipt& receipt) {
  const int64_t places = context_.places;
  const BlockHeader header{.block = last_.block + 1,
                           .first = last_.states,
                           .states = block.states - skip,
                           .variables = static_cast<int32_t>(variables_),
                           .places = places,
                           .row_states = table_.row_states()};
  const Sealed head = encode_header(header, store_id_);
  std::vector<Record> records{{header_key(header.block), head.bytes}};
  BlockFooter footer{.block = header.block, .header_seal = head.seal, .previous_seal = last_.chain};
  std::vector<float> values;
  uint32_t rows_crc = 0;
  const auto add_row = [&](const RowId& row) {
    const Codec codec = schema().variables[row.variable].codec;
    Sealed sealed = encode_row(row, codec, values, context_);
    rows_crc = crc32c(rows_crc, &sealed.seal, sizeof sealed.seal);
    records.push_back({row_key(row), std::move(sealed.bytes)});
    ++footer.rows;
  };

  const RowId stretch = completed_stretch(header.first, header.states, header.row_states);
  for (int32_t variable = 0; stretch.states > 0 && variable < variables_; ++variable) {
    SKIPCAST_TRY_OK(encode_gathered(block, stretch, variable, values));
    add_row({RowKind::kGathered, variable, stretch.first, stretch.states});
  }
  const std::vector<RowId> pieces = cut_rows(header.first, header.states, header.row_states);
  for (int32_t variable = 0; variable < variables_; ++variable) {
    for (RowId piece : pieces) {
      piece.variable = variable;
      values.resize(static_cast<size_t>(piece.states * places));
      for (int64_t i = 0; i < piece.states; ++i) {
        const int64_t state = piece.first + i - block.first;
        std::memcpy(&values[i * places], &block.values[(state * variables_ + variable) * places],
                    places * sizeof(float));
      }
      add_row(piece);
    }
  }
  footer.rows_crc = rows_crc;
  const Sealed foot = encode_footer(footer, store_id_);
  records.push_back({footer_key(header.block), foot.bytes});
  receipt = {.block = header.block, .states = header.first + header.states, .chain = foot.seal};
  return records;
}

Result<AppendReceipt> RocksSeriesStore::append(const StateBlock& block) {
  const std::lock_guard lock(append_mutex_);
  SKIPCAST_TRY_OK(check_append(block));
  const int64_t skip = std::min(block.states, last_.states - block.first);
  SKIPCAST_TRY_OK(compare_overlap(block, skip));
  if (skip == block.states) return AppendReceipt{.block = 0, .states_skipped = skip};

  Receipt receipt;
  SKIPCAST_TRY(const std::vector<Record> records, encode_block(block, skip, receipt));
  Status written = rows_->write_synced(records);
  if (written.ok()) written = head_->write(receipt);
  if (!written.ok()) {
    failure_ = written;
    return written;
  }
  last_ = receipt;
  const std::unique_lock table_lock(table_mutex_);
  table_.add(block.states - skip);
  return AppendReceipt{receipt.block, block.states - skip, skip};
}

Result<std::vector<RocksSeriesStore::Target>> RocksSeriesStore::plan_targets(
    int64_t first, int64_t count, std::span<const int32_t> variables,
    std::span<const float> out) const {
  std::vector<RowId> rows;
  {
    const std::shared_lock lock(table_mutex_);
    if (first < 0 || count < 0 || first > table_.size() || count > table_.size() - first) {
      return not_found(fmt::format("states {}..{} are not in the archive, which holds 0..{}", first,
                                   first + count - 1, table_.size() - 1));
    }
    rows = table_.plan(first, count);
  }
  std::vector<Target> targets;
  targets.reserve(rows.size() * variables.size());
  for (size_t slot = 0; slot < variables.size(); ++slot) {
    if (variables[slot] < 0 || variables[slot] >= variables_) {
      return not_found(fmt::format("variable {} is not in the archive, which holds 0..{}",
                                   variables[slot], variables_ - 1));
    }
    for (RowId row : rows) {
      row.variable = variables[slot];
      targets.push_back({row, static_cast<int64_t>(slot)});
    }
  }
  SKIPCAST_CHECK(static_cast<int64_t>(out.size()) ==
                 count * static_cast<int64_t>(variables.size()) * context_.places);
  std::sort(targets.begin(), targets.end(), [](const Target& a, const Target& b) {
    return std::make_tuple(a.row.kind == RowKind::kPiece, a.row.variable, a.row.first) <
           std::make_tuple(b.row.kind == RowKind::kPiece, b.row.variable, b.row.first);
  });
  return targets;
}

Status RocksSeriesStore::read(int64_t first, int64_t count, std::span<const int32_t> variables,
                              std::span<float> out) const {
  SKIPCAST_TRY(const std::vector<Target> targets, plan_targets(first, count, variables, out));
  std::vector<std::string> keys;
  keys.reserve(targets.size());
  for (const Target& target : targets) keys.push_back(row_key(target.row));
  const size_t state_bytes = static_cast<size_t>(context_.places) * sizeof(float);
  std::string scratch;
  const Status status = rows_->get_all(keys, [&](size_t i, std::string_view bytes) {
    const RowId& row = targets[i].row;
    SKIPCAST_TRY(const std::string_view values, decode_row(row, bytes, context_, scratch));
    const int64_t from = std::max(first, row.first);
    const int64_t to = std::min(first + count, row.first + row.states);
    for (int64_t state = from; state < to; ++state) {
      const int64_t line = (state - first) * static_cast<int64_t>(variables.size()) +
                           targets[i].slot;
      std::memcpy(out.data() + line * context_.places,
                  values.data() + (state - row.first) * state_bytes, state_bytes);
    }
    return Status();
  });
  return in_archive(path_, status);
}

Status RocksSeriesStore::set_tasks(const std::string& tasks_json) {
  const std::lock_guard lock(append_mutex_);
  if (!head_) return refused(fmt::format("archive '{}' is open for reading only", path_));
  auto changed = std::make_unique<Schema>(schema());
  changed->tasks_json = tasks_json;
  SKIPCAST_TRY_OK(validate(*changed));
  SKIPCAST_TRY_OK(write_config(path_, {store_id_, *changed}));
  publish_schema(std::move(changed));
  return Status();
}

Result<OpenArchive> open_archive(const std::string& path, OpenMode mode) {
  using Access = RowDatabaseOptions::Access;
  const bool writes = mode == OpenMode::kReadWrite;
  SKIPCAST_TRY(ArchiveConfig config, read_config(path));
  // A reader takes HEAD first: what it acknowledges is then in the database it opens after.
  SKIPCAST_TRY(Receipt acknowledged, read_head(path, config.store_id));
  SKIPCAST_TRY(std::unique_ptr<RowDatabase> rows,
               RowDatabase::open(database_path(path),
                                 {.access = writes ? Access::kWrite : Access::kRead,
                                  .compress = worth_compressing(config.schema)}));
  std::optional<HeadFile> head;
  if (writes) {  // now that RocksDB's lock is ours, nobody changes HEAD any more
    SKIPCAST_TRY(acknowledged, read_head(path, config.store_id));
    SKIPCAST_TRY(HeadFile file, HeadFile::open(path, config.store_id));
    head.emplace(std::move(file));
  }
  SKIPCAST_TRY(RecoveredSeries series,
               walk_blocks(*rows, config.schema, config.store_id, {acknowledged, !writes}));
  if (writes && series.last != acknowledged) SKIPCAST_TRY_OK(head->write(series.last));
  return OpenArchive{std::move(config), std::move(rows), std::move(series), std::move(head)};
}

// A writer may delete a log file between a reader's look at the folder and its opening: again.
Result<OpenArchive> open_patiently(const std::string& path, OpenMode mode) {
  Result<OpenArchive> archive = open_archive(path, mode);
  for (int attempt = 1; mode == OpenMode::kReadOnly && attempt < kReadOnlyAttempts; ++attempt) {
    const Code code = archive.status().code();
    if (code != Code::kDataLoss && code != Code::kIo) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10 << attempt));
    archive = open_archive(path, mode);
  }
  return archive;
}

std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

Status fill_new_archive(const std::string& folder, const Schema& schema) {
  SKIPCAST_TRY(const std::string store_id, random_id());
  SKIPCAST_TRY_OK(create_head(folder, store_id, chain_start(store_id)));
  const auto rows = RowDatabase::open(
      database_path(folder), {.access = RowDatabaseOptions::Access::kCreate,
                              .compress = worth_compressing(schema)});
  if (!rows.ok()) return rows.status();
  return write_config(folder, {store_id, schema});
}

}  // namespace

Result<std::unique_ptr<SeriesStore>> SeriesStore::create(const std::string& path,
                                                         const Schema& schema) {
  SKIPCAST_TRY_OK(validate(schema));
  const std::string target = without_trailing_slashes(path);
  std::error_code error;
  if (std::filesystem::exists(target, error) && !std::filesystem::is_empty(target, error)) {
    return refused(fmt::format("'{}' exists and is not empty; choose another name, or append to it "
                               "if it is an archive", target));
  }
  // Built beside the target and renamed: a half-made archive never bears its name.
  std::string making = target + ".making-XXXXXX";
  if (!::mkdtemp(making.data())) return system_error("create", making, errno);
  Status status = fill_new_archive(making, schema);
  ::chmod(making.c_str(), 0755);
  if (status.ok()) status = sync_folder(making);
  if (status.ok() && std::rename(making.c_str(), target.c_str()) != 0) {
    status = system_error("create", target, errno);
  }
  if (!status.ok()) {
    std::filesystem::remove_all(making, error);
    return status;
  }
  const auto parent = std::filesystem::path(target).parent_path();
  SKIPCAST_TRY_OK(sync_folder(parent.empty() ? "." : parent.string()));
  return open(target, OpenMode::kReadWrite);
}

Result<std::unique_ptr<SeriesStore>> SeriesStore::open(const std::string& path, OpenMode mode) {
  const std::string folder = without_trailing_slashes(path);
  Result<OpenArchive> archive = open_patiently(folder, mode);
  if (!archive.ok()) return in_archive(folder, archive.status());
  return std::unique_ptr<SeriesStore>(
      std::make_unique<RocksSeriesStore>(folder, std::move(archive).value()));
}

}  // namespace skipcast::storage
