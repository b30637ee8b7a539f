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

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <mutex>
#include <optional>
#include <shared_mutex>

#include "storage/archive_open.h"
#include "storage/block_encoder.h"
#include "storage/block_format.h"
#include "storage/block_table.h"
#include "storage/row_cache.h"
#include "storage/row_database.h"

namespace skipcast::storage {
namespace {

constexpr int64_t kBlockBytesMax = int64_t{512} << 20;
constexpr size_t kCacheBytes = size_t{70} << 20;

bool same_value(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

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

  struct Window {  // what a read asked for: out[count, variables, places]
    int64_t first, count, variables;
    std::span<float> out;
  };

  void copy_states(const Target& target, std::string_view values, const Window& window) const;
  Status at_row(const RowId& row, const Status& status) const;
  Status check_append(const StateBlock& block) const;
  Status compare_overlap(const StateBlock& block, int64_t states) const;
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
  mutable RowCache cache_{kCacheBytes};

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

Result<AppendReceipt> RocksSeriesStore::append(const StateBlock& block) {
  const std::lock_guard lock(append_mutex_);
  SKIPCAST_TRY_OK(check_append(block));
  const int64_t skip = std::min(block.states, last_.states - block.first);
  SKIPCAST_TRY_OK(compare_overlap(block, skip));
  if (skip == block.states) return AppendReceipt{.block = 0, .states_skipped = skip};

  const auto stored = [this](int32_t variable, int64_t first, int64_t count,
                             std::span<float> out) {
    return read(first, count, std::span(&variable, 1), out);
  };
  SKIPCAST_TRY(const EncodedBlock encoded,
               encode_block({schema(), context_, table_.row_states()}, block, last_, stored));
  Status written = rows_->write_synced(encoded.records);
  if (written.ok()) written = head_->write(encoded.receipt);
  if (!written.ok()) {
    failure_ = written;
    return written;
  }
  last_ = encoded.receipt;
  const std::unique_lock table_lock(table_mutex_);
  table_.add(block.states - skip);
  return AppendReceipt{last_.block, block.states - skip, skip};
}

Result<std::vector<RocksSeriesStore::Target>> RocksSeriesStore::plan_targets(
    int64_t first, int64_t count, std::span<const int32_t> variables,
    std::span<const float> out) const {
  std::vector<RowId> rows;
  {
    const std::shared_lock lock(table_mutex_);
    if (first < 0 || count < 0 || first > table_.size() || count > table_.size() - first) {
      return not_found(fmt::format("{} states from index {} are not in the archive, which holds {}",
                                   count, first, table_.size()));
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
  const Window window{first, count, static_cast<int64_t>(variables.size()), out};
  std::vector<const Target*> missed;
  for (const Target& target : targets) {
    if (const RowCache::Row row = cache_.find(target.row)) {
      copy_states(target, *row, window);
    } else {
      missed.push_back(&target);
    }
  }
  if (missed.empty()) return Status();
  std::vector<std::string> keys;
  keys.reserve(missed.size());
  for (const Target* target : missed) keys.push_back(row_key(target->row));
  std::string scratch;
  return in_archive(path_, rows_->get_all(keys, [&](size_t i, std::string_view bytes) {
    const RowId& row = missed[i]->row;
    const auto values = decode_row(row, bytes, context_, scratch);
    if (!values.ok()) return at_row(row, values.status());
    copy_states(*missed[i], *values, window);
    cache_.insert(row, *values);
    return Status();
  }));
}

// The states of the row that the window wants, to their places in its output.
void RocksSeriesStore::copy_states(const Target& target, std::string_view values,
                                   const Window& window) const {
  const RowId& row = target.row;
  const size_t state_bytes = static_cast<size_t>(context_.places) * sizeof(float);
  SKIPCAST_CHECK(values.size() == static_cast<size_t>(row.states) * state_bytes);
  const int64_t from = std::max(window.first, row.first);
  const int64_t to = std::min(window.first + window.count, row.first + row.states);
  for (int64_t state = from; state < to; ++state) {
    const int64_t line = (state - window.first) * window.variables + target.slot;
    std::memcpy(window.out.data() + line * context_.places,
                values.data() + static_cast<size_t>(state - row.first) * state_bytes, state_bytes);
  }
}

Status RocksSeriesStore::at_row(const RowId& row, const Status& status) const {
  const Schema& schema = this->schema();
  return Status(status.code(),
                fmt::format("variable '{}', {} .. {}: {}", schema.variables[row.variable].name,
                            format_time(schema.axis.time_at(row.first)),
                            format_time(schema.axis.time_at(row.first + row.states - 1)),
                            status.message()));
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

}  // namespace

Result<std::unique_ptr<SeriesStore>> SeriesStore::create(const std::string& path,
                                                         const Schema& schema) {
  SKIPCAST_TRY_OK(create_archive(path, schema));
  return open(path, OpenMode::kReadWrite);
}

Result<std::unique_ptr<SeriesStore>> SeriesStore::open(const std::string& path, OpenMode mode) {
  const std::string folder = without_trailing_slashes(path);
  SKIPCAST_TRY(OpenArchive archive, open_archive(folder, mode));
  return std::unique_ptr<SeriesStore>(
      std::make_unique<RocksSeriesStore>(folder, std::move(archive)));
}

}  // namespace skipcast::storage
