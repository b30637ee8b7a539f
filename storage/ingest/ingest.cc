#include "storage/ingest/ingest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <filesystem>
#include <limits>
#include <memory>
#include <utility>

#include "storage/blocks/block_format.h"
#include "storage/series/block_table.h"
#include "storage/series/series_store.h"

namespace skipcast::storage {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kReserveBytes = int64_t{16} << 20;
constexpr int64_t kAnyGapStatesMax = 1'000'000;

class Ingest {
 public:
  Ingest(StateReader& reader, const std::string& path, const IngestOptions& options);
  Result<IngestReport> run();

 private:
  Status open_archive();
  Status open_existing();
  Status create_archive();
  Status look_ahead();
  Status copy_blocks();
  Result<std::optional<StateBlock>> next_block();
  Status report(const char* what, double fraction, int64_t states) const;
  Status count_block(const StateBlock& block);
  Status take_block(StateBlock block);
  Status align(const StateBlock& block);
  Status fill_gap(int64_t first);
  Status write_block(const StateBlock& block);
  Status compare_dry(const StateBlock& block, int64_t overlap) const;
  Status check_space(int64_t bytes) const;
  Status check_variables() const;
  Status update_tasks();
  Status finish_with(const Status& failure) const;
  void finish_report(double seconds);

  int64_t size() const { return options_.dry_run ? dry_size_ : store_ ? store_->size() : 0; }
  const TimeAxis& axis() const { return store_ ? store_->schema().axis : reader_.schema().axis; }

  StateReader& reader_;
  const std::string path_;
  const IngestOptions options_;
  const int64_t width_;  // values a state
  const int64_t block_states_;
  std::unique_ptr<SeriesStore> store_;  // dry run on a new archive: none
  std::deque<StateBlock> ahead_;
  bool aligned_ = false;
  int64_t offset_ = 0;    // store index = reader index + offset_
  int64_t dry_size_ = 0;  // states a dry run would have in the archive by now
  IngestReport report_;
  std::vector<int64_t> present_;  // values a variable that are not missing
};

int64_t states_a_block(const IngestOptions& options, int64_t state_bytes) {
  const int64_t limit = std::max<int64_t>(1, kBlockBytesMax / state_bytes);
  if (options.block_states > 0) return std::min(options.block_states, limit);
  const int64_t bytes = plan_memory(options.memory_bytes).block_bytes;
  const int64_t rows = std::max<int64_t>(1, bytes / state_bytes / kRowStates);
  return std::min(rows * kRowStates, limit);
}

Ingest::Ingest(StateReader& reader, const std::string& path, const IngestOptions& options)
    : reader_(reader),
      path_(path),
      options_(options),
      width_(reader.schema().state_values()),
      block_states_(states_a_block(options, width_ * int64_t{sizeof(float)})),
      present_(reader.schema().variables.size(), 0) {
  report_.dry_run = options.dry_run;
}

bool is_missing_or_empty(const std::string& path) {
  std::error_code error;
  return !fs::exists(path, error) || (fs::is_directory(path, error) && fs::is_empty(path, error));
}

Status Ingest::open_archive() {
  const bool fresh = is_missing_or_empty(path_);
  report_.created = fresh;
  if (fresh && options_.append && !options_.resume) {
    return not_found(path_ + ": there is no archive to append to; leave out --append to make one");
  }
  if (fresh) return {};
  if (options_.append || options_.resume) return open_existing();
  return refused(path_ +
                 ": exists already; add --append for later states, --resume after an "
                 "interrupted ingest, or name a new folder");
}

Status Ingest::open_existing() {
  const OpenMode mode = options_.dry_run ? OpenMode::kReadOnly : OpenMode::kReadWrite;
  SKIPCAST_TRY(store_, SeriesStore::open(path_, mode, {options_.memory_bytes}));
  dry_size_ = store_->size();
  return check_same_series(store_->schema(), reader_.schema(), path_);
}

Status Ingest::create_archive() {
  if (store_ || options_.dry_run) return {};
  SKIPCAST_TRY_OK(check_space(width_ * int64_t{sizeof(float)}));
  SKIPCAST_TRY(store_, SeriesStore::create(path_, reader_.schema(), {options_.memory_bytes}));
  return {};
}

// Before an archive is made: reads up to 64 MiB (lookahead_bytes), so that a small input with a
// fault leaves nothing behind.
Status Ingest::look_ahead() {
  int64_t bytes = 0;
  bool ended = false;
  while (!ended && bytes < plan_memory(options_.memory_bytes).lookahead_bytes) {
    SKIPCAST_TRY(std::optional<StateBlock> block, reader_.next(block_states_));
    ended = !block;
    if (ended) break;
    SKIPCAST_TRY_OK(count_block(*block));
    SKIPCAST_TRY_OK(report("check", reader_.progress(), report_.states_read));
    bytes += block->states * width_ * int64_t{sizeof(float)};
    ahead_.push_back(std::move(*block));
  }
  return ended ? check_variables() : Status();
}

Status Ingest::check_variables() const {
  std::vector<std::string> empty;
  for (size_t v = 0; v < present_.size(); ++v) {
    if (present_[v] == 0) empty.push_back("'" + reader_.schema().variables[v].name + "'");
  }
  const bool appended = !report_.created;
  if (empty.empty() || appended || report_.states_read == 0) return {};
  return bad_input(
      fmt::format("{}: {} of {} states has no value at all; correct its \"source\" or "
                  "\"missing\" in the recipe, or leave it out with --var",
                  path_, fmt::join(empty, ", "), report_.states_read));
}

Status Ingest::count_block(const StateBlock& block) {
  const int64_t places = reader_.schema().places.count();
  const auto variables = static_cast<int64_t>(present_.size());
  const float* value = block.values.data();
  for (int64_t s = 0; s < block.states; ++s) {
    for (int64_t v = 0; v < variables; ++v, value += places) {
      present_[static_cast<size_t>(v)] +=
          std::count_if(value, value + places, [](float x) { return !std::isnan(x); });
    }
  }
  const TimeAxis& axis = reader_.schema().axis;
  if (report_.states_read == 0) report_.first_time_s = axis.time_at(block.first);
  report_.states_read += block.states;
  report_.last_time_s = axis.time_at(block.first + block.states - 1);
  return {};
}

Status Ingest::report(const char* what, double fraction, int64_t states) const {
  const std::string day = format_time(report_.last_time_s).substr(0, 10);
  const ProgressStep step{fraction, what, fmt::format("{}, {} states", day, states)};
  return tell(options_.progress, step) ? Status() : Status(Code::kInterrupted, "stopped");
}

Result<std::optional<StateBlock>> Ingest::next_block() {
  if (!ahead_.empty()) {
    std::optional<StateBlock> block = std::move(ahead_.front());
    ahead_.pop_front();
    return block;
  }
  SKIPCAST_TRY(std::optional<StateBlock> block, reader_.next(block_states_));
  if (block) SKIPCAST_TRY_OK(count_block(*block));
  return block;
}

Status Ingest::copy_blocks() {
  int64_t taken = 0;
  while (true) {
    SKIPCAST_TRY(std::optional<StateBlock> block, next_block());
    if (!block) return {};
    taken += block->states;
    SKIPCAST_TRY_OK(take_block(std::move(*block)));
    const double share = static_cast<double>(taken) / static_cast<double>(report_.states_read);
    SKIPCAST_TRY_OK(report("ingest", reader_.progress() * share, taken));
  }
}

// Where the reader's axis lies on the archive's.
Status Ingest::align(const StateBlock& block) {
  const int64_t time = reader_.schema().axis.time_at(block.first);
  const Result<int64_t> index = axis().index_of(time);
  if (!index.ok()) {
    return refused(fmt::format("{}: {}; correct the times, or ingest into a new archive", path_,
                               index.status().message()));
  }
  if (*index < 0) {
    return refused(
        fmt::format("{}: the input begins at {}, before the archive does ({}); earlier "
                    "states cannot be added, so ingest everything into a new archive",
                    path_, format_time(time), format_time(axis().time_at(0))));
  }
  offset_ = *index - block.first;
  aligned_ = true;
  return {};
}

Status Ingest::take_block(StateBlock block) {
  if (!aligned_) SKIPCAST_TRY_OK(align(block));
  block.first += offset_;
  if (block.first > size()) SKIPCAST_TRY_OK(fill_gap(block.first));
  return write_block(block);
}

Status Ingest::fill_gap(int64_t first) {
  const int64_t gap = first - size();
  const int64_t allowed =
      store_ ? store_->schema().gap_states_max : reader_.schema().gap_states_max;
  const int64_t gap_max = allowed > 0 ? allowed : kAnyGapStatesMax;
  if (size() > 0 && gap > gap_max) {
    return bad_input(
        fmt::format("{}: {} states are missing between the archive's end at {} and the "
                    "input's start at {}, more than the {} allowed; ingest the files "
                    "in between first",
                    path_, gap, format_time(axis().time_at(size() - 1)),
                    format_time(axis().time_at(first)), gap_max));
  }
  while (size() < first) {
    StateBlock block{size(), std::min(first - size(), block_states_), {}};
    block.values.assign(static_cast<size_t>(block.states * width_),
                        std::numeric_limits<float>::quiet_NaN());
    report_.gap_states += block.states;
    SKIPCAST_TRY_OK(write_block(block));
  }
  return {};
}

Status Ingest::compare_dry(const StateBlock& block, int64_t overlap) const {
  std::vector<int32_t> variables(present_.size());
  for (size_t v = 0; v < variables.size(); ++v) variables[v] = static_cast<int32_t>(v);
  std::vector<float> stored(static_cast<size_t>(overlap * width_));
  SKIPCAST_TRY_OK(store_->read(block.first, overlap, variables, stored));
  std::vector<float> offered(block.values.begin(), block.values.begin() + overlap * width_);
  blank_erased(store_->erasures(), block.first, store_->schema().places.count(),
               static_cast<int64_t>(variables.size()), offered);
  for (size_t k = 0; k < stored.size(); ++k) {
    const float ours = stored[k], theirs = offered[k];
    if (ours == theirs || (std::isnan(ours) && std::isnan(theirs))) continue;
    const int64_t state = block.first + static_cast<int64_t>(k) / width_;
    return refused(
        fmt::format("{}: the input gives {} where the archive holds {} at {}; stored "
                    "states never change, so ingest into a new archive",
                    path_, theirs, ours, format_time(axis().time_at(state))));
  }
  return {};
}

Status Ingest::write_block(const StateBlock& block) {
  const int64_t overlap = std::clamp<int64_t>(size() - block.first, 0, block.states);
  report_.states_skipped += overlap;
  report_.states_added += block.states - overlap;
  if (options_.dry_run) {
    if (overlap > 0) SKIPCAST_TRY_OK(compare_dry(block, overlap));
    dry_size_ = std::max(dry_size_, block.first + block.states);
    return {};
  }
  const int64_t bytes = (block.states - overlap) * width_ * int64_t{sizeof(float)};
  if (bytes > 0) SKIPCAST_TRY_OK(check_space(bytes));
  SKIPCAST_TRY(const AppendReceipt receipt, store_->append(block));
  report_.blocks += receipt.block > 0 ? 1 : 0;
  report_.bytes += receipt.states_added * width_ * int64_t{sizeof(float)};
  return {};
}

Status Ingest::check_space(int64_t bytes) const {
  const int64_t free = options_.free_bytes(path_);
  if (free < 0 || free >= bytes + kReserveBytes) return {};
  return Status(Code::kNoSpace,
                fmt::format("{}: the disk is nearly full ({} MiB free, {} MiB needed for the next "
                            "block and a reserve); free some space",
                            path_, free >> 20, ((bytes + kReserveBytes) >> 20) + 1));
}

Status Ingest::update_tasks() {
  const std::string& tasks = reader_.schema().tasks_json;
  if (!store_ || report_.created || tasks == "[]" || tasks == store_->schema().tasks_json)
    return {};
  report_.warnings.push_back("the recipe's task list differs from the archive's and replaces it");
  return options_.dry_run ? Status() : store_->set_tasks(tasks);
}

// The failure with what is safe and how to go on.
Status Ingest::finish_with(const Status& failure) const {
  if (options_.dry_run || !store_ || store_->size() == 0) {
    const bool stopped = failure.code() == Code::kInterrupted;
    return stopped ? Status(failure.code(), path_ + ": stopped on request; nothing was stored")
                   : failure;
  }
  const bool stopped = failure.code() == Code::kInterrupted;
  const std::string stored = fmt::format("{} states up to {} are stored{}", store_->size(),
                                         format_time(axis().time_at(store_->size() - 1)),
                                         stopped ? "; go on with --resume" : "");
  return Status(failure.code(), stopped ? path_ + ": stopped on request; " + stored
                                        : failure.message() + " [" + stored + "]");
}

void Ingest::finish_report(double seconds) {
  report_.gap_states += reader_.gap_states();
  report_.states_total = size();
  report_.seconds = seconds;
  const Schema& schema = reader_.schema();
  const int64_t values = report_.states_read * schema.places.count();
  for (size_t v = 0; v < present_.size(); ++v) {
    const double missing = static_cast<double>(values - present_[v]);
    report_.variables.push_back(
        {schema.variables[v].name, values, values > 0 ? missing / static_cast<double>(values) : 0});
    if (present_[v] == 0 && values > 0) {
      report_.warnings.push_back("the variable '" + schema.variables[v].name +
                                 "' has no value in this input");
    }
  }
  if (report_.states_skipped > 0) {
    report_.warnings.push_back(
        fmt::format("{} states were in the archive already, identical, and "
                    "were skipped",
                    report_.states_skipped));
  }
}

Result<IngestReport> Ingest::run() {
  const auto begin = std::chrono::steady_clock::now();
  SKIPCAST_TRY_OK(check_memory(options_.memory_bytes));
  SKIPCAST_TRY_OK(open_archive());
  if (report_.created) {
    const Status ahead = look_ahead();
    if (!ahead.ok()) return finish_with(ahead);
  }
  SKIPCAST_TRY_OK(create_archive());
  Status copied = copy_blocks();
  if (copied.ok()) copied = check_variables();
  if (copied.ok()) copied = update_tasks();
  if (!copied.ok()) return finish_with(copied);
  const auto elapsed = std::chrono::steady_clock::now() - begin;
  finish_report(std::chrono::duration<double>(elapsed).count());
  return std::move(report_);
}

}  // namespace

int64_t free_disk_bytes(const std::string& path) {
  std::error_code error;
  fs::path folder = fs::absolute(path, error);
  while (!fs::exists(folder, error) && folder.has_parent_path() && folder != folder.parent_path()) {
    folder = folder.parent_path();
  }
  struct statvfs info {};
  if (statvfs(folder.c_str(), &info) != 0) return -1;
  return static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
}

Result<IngestReport> ingest(StateReader& reader, const std::string& path,
                            const IngestOptions& options) {
  return Ingest(reader, path, options).run();
}

}  // namespace skipcast::storage
