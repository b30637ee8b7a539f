// FORMAT of an archive folder, versions 1 and 2 (2 has tombstones):
//   CONFIG.json  what the archive is; CONFIG.copy.json       archive_config.h
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
#include "storage/series/series_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <numeric>
#include <optional>
#include <shared_mutex>

#include "storage/blocks/block_format.h"
#include "storage/series/archive_open.h"
#include "storage/series/block_encoder.h"
#include "storage/series/block_table.h"
#include "storage/series/series_rows.h"

namespace skipcast::storage {
namespace {

constexpr int32_t kErasureVersion = 2;

bool same_value(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

class RocksSeriesStore final : public SeriesStore {
 public:
  RocksSeriesStore(std::string path, OpenArchive archive, const StoreOptions& options)
      : path_(std::move(path)),
        options_(options),
        store_id_(archive.config.store_id),
        variables_(static_cast<int64_t>(archive.config.schema.variables.size())),
        context_{store_id_, archive.config.schema.places.count()},
        rows_(
            context_, std::move(archive.rows), [this] { return open_to_read(); },
            plan_memory(options.memory_bytes).row_cache_bytes),
        format_version_(archive.config.format_version),
        head_(std::move(archive.head)),
        last_(archive.series.last),
        table_(std::move(archive.series.table)) {
    publish_schema(std::make_unique<Schema>(std::move(archive.config.schema)));
  }

  Result<AppendReceipt> append(const StateBlock& block) override;
  Status erase(const Erasure& erasure) override;
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
  Receipt last() const override {
    const std::shared_lock lock(table_mutex_);
    return {table_.count(), table_.size(), chain_of(table_.count())};
  }
  uint32_t chain_at(int64_t block) const override {
    const std::shared_lock lock(table_mutex_);
    return chain_of(block);
  }
  std::vector<Erasure> erasures() const override {
    const std::shared_lock lock(table_mutex_);
    return table_.erasures();
  }
  const Schema& schema() const override { return *schema_.load(); }
  const std::string& path() const override { return path_; }
  const std::string& store_id() const override { return store_id_; }

 private:
  // REQUIRES: table_mutex_ is held.
  uint32_t chain_of(int64_t block) const {
    return block == 0 ? chain_start(store_id_) : table_.chain(block);
  }
  Status check_writable();
  Status check_append(const StateBlock& block) const;
  Status compare_overlap(const StateBlock& block, int64_t states) const;
  Status write(const EncodedBlock& encoded);
  Status reopen();
  Result<std::unique_ptr<RowDatabase>> reopen_for_writing();
  Result<std::unique_ptr<RowDatabase>> open_to_read() const;
  void publish_schema(std::unique_ptr<const Schema> schema) {
    schema_ = schema.get();
    schemas_.push_back(std::move(schema));
  }

  // Constant after construction; thread-safe themselves.
  const std::string path_;
  const StoreOptions options_;
  const std::string store_id_;
  const int64_t variables_;
  const RecordContext context_;
  SeriesRows rows_;

  std::mutex append_mutex_;
  int32_t format_version_;        // guarded by append_mutex_
  std::optional<HeadFile> head_;  // guarded by append_mutex_
  Receipt last_;                  // guarded by append_mutex_
  Status failure_;                // guarded by append_mutex_; not ok: the last write failed
  std::vector<std::unique_ptr<const Schema>> schemas_;  // guarded by append_mutex_; keeps old ones
  std::atomic<const Schema*> schema_;

  mutable std::shared_mutex table_mutex_;
  BlockTable table_;  // guarded by table_mutex_; changed under append_mutex_ only
};

Status RocksSeriesStore::check_writable() {
  if (!head_) return refused(fmt::format("archive '{}' is open for reading only", path_));
  return failure_.ok() ? Status() : reopen();
}

Status RocksSeriesStore::check_append(const StateBlock& block) const {
  const int64_t state_values = variables_ * context_.places;
  if (block.states < 1 || block.first < 0) {
    return bad_input(fmt::format("an append of {} states at index {}", block.states, block.first));
  }
  if (block.states > kBlockBytesMax / static_cast<int64_t>(sizeof(float)) / state_values + 1) {
    return bad_input(fmt::format("an append of {} states is larger than {} MiB; append it in parts",
                                 block.states, kBlockBytesMax >> 20));
  }
  if (static_cast<int64_t>(block.values.size()) != block.states * state_values) {
    return bad_input(
        fmt::format("an append of {} states has {} values; {} variables at {} places "
                    "need {}",
                    block.states, block.values.size(), variables_, context_.places,
                    block.states * state_values));
  }
  if (block.first > last_.states) {
    const TimeAxis& axis = schema().axis;
    return refused(
        fmt::format("the append begins at {}, but the archive ends before {}: fill the "
                    "gap of {} states",
                    format_time(axis.time_at(block.first)), format_time(axis.time_at(last_.states)),
                    block.first - last_.states));
  }
  return Status();
}

Status RocksSeriesStore::compare_overlap(const StateBlock& block, int64_t states) const {
  std::vector<int32_t> variables(static_cast<size_t>(variables_));
  std::iota(variables.begin(), variables.end(), 0);
  const int64_t state_values = variables_ * context_.places;
  const int64_t chunk = std::max<int64_t>(1, table_.row_states());
  std::vector<float> stored, offered;
  for (int64_t done = 0; done < states; done += chunk) {
    const int64_t count = std::min(chunk, states - done), first = block.first + done;
    const auto from = block.values.begin() + done * state_values;
    stored.resize(static_cast<size_t>(count * state_values));
    SKIPCAST_TRY_OK(read(first, count, variables, stored));
    offered.assign(from, from + count * state_values);
    blank_erased(table_.erasures(), first, context_.places, variables_, offered);
    const auto [left, right] =
        std::mismatch(stored.begin(), stored.end(), offered.begin(), same_value);
    if (left == stored.end()) continue;
    const int64_t at = left - stored.begin();
    const Schema& schema = this->schema();
    const int64_t place = at % context_.places;
    const std::string place_name =
        schema.places.names.empty() ? fmt::format("cell {}", place) : schema.places.names[place];
    return refused(fmt::format(
        "the append contradicts what is stored: {} at {}, {}: stored {}, offered {}; stored states "
        "are never changed",
        schema.variables[at / context_.places % variables_].name, place_name,
        format_time(schema.axis.time_at(first + at / state_values)), *left, *right));
  }
  return Status();
}

// Steps 1 to 3 of the protocol.
Status RocksSeriesStore::write(const EncodedBlock& encoded) {
  Status written = rows_.write_synced(encoded.records);
  if (written.ok()) written = head_->write(encoded.receipt);
  failure_ = written;
  if (written.ok()) last_ = encoded.receipt;
  return written;
}

Result<AppendReceipt> RocksSeriesStore::append(const StateBlock& block) {
  const std::lock_guard lock(append_mutex_);
  SKIPCAST_TRY_OK(check_writable());
  SKIPCAST_TRY_OK(check_append(block));
  const int64_t skip = std::min(block.states, last_.states - block.first);
  SKIPCAST_TRY_OK(compare_overlap(block, skip));
  if (skip == block.states) return AppendReceipt{.block = 0, .states_skipped = skip};

  const auto stored = [this](int32_t variable, int64_t first, int64_t count, std::span<float> out) {
    return read(first, count, std::span(&variable, 1), out);
  };
  SKIPCAST_TRY(const EncodedBlock encoded,
               encode_block({schema(), context_, table_.row_states()}, block, last_, stored));
  SKIPCAST_TRY_OK(write(encoded));
  const std::unique_lock table_lock(table_mutex_);
  table_.add(block.states - skip, last_.chain);
  return AppendReceipt{last_.block, block.states - skip, skip};
}

Status RocksSeriesStore::erase(const Erasure& asked) {
  const std::lock_guard lock(append_mutex_);
  SKIPCAST_TRY_OK(check_writable());
  if (!table_.can_erase(asked, context_.places)) {
    return not_found(
        fmt::format("{} states from index {} at the places asked for are not in the "
                    "archive, which holds {} states of {} places",
                    asked.states, asked.first, table_.size(), context_.places));
  }
  if (format_version_ < kErasureVersion) {  // an older program must not overlook the tombstone
    SKIPCAST_TRY_OK(write_config(path_, {store_id_, schema(), kErasureVersion}));
    format_version_ = kErasureVersion;
  }
  SKIPCAST_TRY_OK(write(encode_erasure({schema(), context_, table_.row_states()}, asked, last_)));
  Erasure erasure = asked;
  erasure.block = last_.block;
  const std::unique_lock table_lock(table_mutex_);
  table_.add(std::move(erasure), last_.chain);
  return Status();
}

// After a failed write RocksDB takes no more: the archive is opened anew, as after a kill, and HEAD
// is rolled forward if the failed block is there. While that fails, too, it is read only.
Status RocksSeriesStore::reopen() {
  const Status opened = rows_.exchange([this] { return reopen_for_writing(); });
  if (opened.ok()) {
    failure_ = Status();
    return Status();
  }
  failure_ = opened;
  return opened;  // reads open it for themselves
}

Result<std::unique_ptr<RowDatabase>> RocksSeriesStore::open_to_read() const {
  SKIPCAST_TRY(OpenArchive archive, open_archive(path_, OpenMode::kReadOnly, options_));
  return std::move(archive.rows);
}

Result<std::unique_ptr<RowDatabase>> RocksSeriesStore::reopen_for_writing() {
  SKIPCAST_TRY(OpenArchive archive, open_archive(path_, OpenMode::kReadWrite, options_));
  const BlockTable& table = archive.series.table;
  const bool same = archive.config.store_id == store_id_ && table.count() >= last_.block &&
                    (last_.block == 0 || table.chain(last_.block) == last_.chain);
  if (!same) {
    return data_loss(
        fmt::format("archive '{}' was exchanged for another while it was open: open "
                    "it again",
                    path_));
  }
  format_version_ = archive.config.format_version;
  head_ = std::move(archive.head);
  last_ = archive.series.last;
  const std::unique_lock lock(table_mutex_);
  table_ = std::move(archive.series.table);
  return std::move(archive.rows);
}

Status RocksSeriesStore::read(int64_t first, int64_t count, std::span<const int32_t> variables,
                              std::span<float> out) const {
  std::vector<RowId> plan;
  std::vector<Erasure> erasures;
  {
    const std::shared_lock lock(table_mutex_);
    if (first < 0 || count < 0 || first > table_.size() || count > table_.size() - first) {
      return not_found(fmt::format("{} states from index {} are not in the archive, which holds {}",
                                   count, first, table_.size()));
    }
    plan = table_.plan(first, count);
    erasures = table_.erasures_in(first, count);
  }
  for (const int32_t variable : variables) {
    if (variable >= 0 && variable < variables_) continue;
    return not_found(fmt::format("variable {} is not in the archive, which holds 0..{}", variable,
                                 variables_ - 1));
  }
  const auto asked = static_cast<int64_t>(variables.size());
  SKIPCAST_CHECK(static_cast<int64_t>(out.size()) == count * asked * context_.places);
  SKIPCAST_TRY_OK(in_archive(path_, rows_.read(plan, {first, count, variables, out}, schema())));
  blank_erased(erasures, first, context_.places, asked, out);
  return Status();
}

Status RocksSeriesStore::set_tasks(const std::string& tasks_json) {
  const std::lock_guard lock(append_mutex_);
  SKIPCAST_TRY_OK(check_writable());
  auto changed = std::make_unique<Schema>(schema());
  changed->tasks_json = tasks_json;
  SKIPCAST_TRY_OK(validate(*changed));
  SKIPCAST_TRY_OK(write_config(path_, {store_id_, *changed, format_version_}));
  publish_schema(std::move(changed));
  return Status();
}

}  // namespace

bool has_history(const SeriesStore& store, int64_t block, uint32_t chain) {
  return block >= 0 && block <= store.last().block && store.chain_at(block) == chain;
}

Result<std::unique_ptr<SeriesStore>> SeriesStore::create(const std::string& path,
                                                         const Schema& schema,
                                                         const StoreOptions& options) {
  SKIPCAST_TRY_OK(check_memory(options.memory_bytes));
  SKIPCAST_TRY_OK(create_archive(path, schema));
  return open(path, OpenMode::kReadWrite, options);
}

Result<std::unique_ptr<SeriesStore>> SeriesStore::open(const std::string& path, OpenMode mode,
                                                       const StoreOptions& options) {
  SKIPCAST_TRY_OK(check_memory(options.memory_bytes));
  const std::string folder = without_trailing_slashes(path);
  SKIPCAST_TRY(OpenArchive archive, open_archive(folder, mode, options));
  return std::unique_ptr<SeriesStore>(
      std::make_unique<RocksSeriesStore>(folder, std::move(archive), options));
}

}  // namespace skipcast::storage
