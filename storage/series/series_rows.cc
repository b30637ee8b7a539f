#include "storage/series/series_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <tuple>

namespace skipcast::storage {
namespace {

Status at_row(const RowId& row, const Schema& schema, const Status& status) {
  return Status(
      status.code(),
      fmt::format("variable '{}', {} .. {}: {}", schema.variables[row.variable].name,
                  format_time(schema.axis.time_at(row.first)),
                  format_time(schema.axis.time_at(row.first + row.states - 1)), status.message()));
}

}  // namespace

SeriesRows::SeriesRows(RecordContext context, std::unique_ptr<RowDatabase> database,
                       OpenDatabase open_to_read, size_t cache_bytes)
    : context_(std::move(context)),
      open_to_read_(std::move(open_to_read)),
      cache_(cache_bytes),
      database_(std::move(database)) {}

std::shared_lock<std::shared_mutex> SeriesRows::read_lock() const {
  const std::lock_guard turn(turnstile_);
  return std::shared_lock(database_mutex_);
}

Status SeriesRows::write_synced(std::span<const Record> records) {
  const auto lock = read_lock();
  SKIPCAST_CHECK(database_ != nullptr);
  return database_->write_synced(records);
}

Status SeriesRows::exchange(const OpenDatabase& open) {
  const std::lock_guard turn(turnstile_);
  const std::unique_lock lock(database_mutex_);
  database_.reset();
  SKIPCAST_TRY(database_, open());
  return Status();
}

// For reads, when the last exchange failed: the cause may have gone.
Status SeriesRows::revive() const {
  const std::lock_guard turn(turnstile_);
  const std::unique_lock lock(database_mutex_);
  if (database_) return Status();
  SKIPCAST_TRY(database_, open_to_read_());
  return Status();
}

std::vector<SeriesRows::Target> SeriesRows::targets_of(std::span<const RowId> plan,
                                                       const ReadRequest& request) const {
  std::vector<Target> targets;
  targets.reserve(plan.size() * request.variables.size());
  for (size_t slot = 0; slot < request.variables.size(); ++slot) {
    for (RowId row : plan) {
      row.variable = request.variables[slot];
      targets.push_back({row, static_cast<int64_t>(slot)});
    }
  }
  std::sort(targets.begin(), targets.end(), [](const Target& a, const Target& b) {
    return std::make_tuple(a.row.kind == RowKind::kPiece, a.row.variable, a.row.first) <
           std::make_tuple(b.row.kind == RowKind::kPiece, b.row.variable, b.row.first);
  });
  return targets;
}

Status SeriesRows::read(std::span<const RowId> plan, const ReadRequest& request,
                        const Schema& schema) const {
  std::vector<Target> missed;
  for (const Target& target : targets_of(plan, request)) {
    if (const RowCache::Row row = cache_.find(target.row)) {
      copy_states(target, *row, request);
    } else {
      missed.push_back(target);
    }
  }
  return missed.empty() ? Status() : read_missed(missed, request, schema);
}

Status SeriesRows::read_missed(std::span<const Target> missed, const ReadRequest& request,
                               const Schema& schema) const {
  std::vector<std::string> keys;
  keys.reserve(missed.size());
  for (const Target& target : missed) keys.push_back(row_key(target.row));
  std::string scratch;
  auto lock = read_lock();
  while (!database_) {
    lock.unlock();
    SKIPCAST_TRY_OK(revive());
    lock = read_lock();
  }
  return database_->get_all(keys, [&](size_t i, std::string_view bytes) {
    const RowId& row = missed[i].row;
    const auto values = decode_row(row, bytes, context_, scratch);
    if (!values.ok()) return at_row(row, schema, values.status());
    copy_states(missed[i], *values, request);
    cache_.insert(row, *values);
    return Status();
  });
}

// The states of the row that the request wants, to their places in its output.
void SeriesRows::copy_states(const Target& target, std::string_view values,
                             const ReadRequest& request) const {
  const RowId& row = target.row;
  const size_t state_bytes = static_cast<size_t>(context_.places) * sizeof(float);
  SKIPCAST_CHECK(values.size() == static_cast<size_t>(row.states) * state_bytes);
  const auto variables = static_cast<int64_t>(request.variables.size());
  const int64_t from = std::max(request.first, row.first);
  const int64_t to = std::min(request.first + request.count, row.first + row.states);
  for (int64_t state = from; state < to; ++state) {
    const int64_t line = (state - request.first) * variables + target.slot;
    std::memcpy(request.out.data() + line * context_.places,
                values.data() + static_cast<size_t>(state - row.first) * state_bytes, state_bytes);
  }
}

}  // namespace skipcast::storage
