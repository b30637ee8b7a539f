#include "retrieval/search/analog_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "retrieval/indexes/batch_search.h"
#include "retrieval/search/search_planner.h"

namespace skipcast::retrieval {
namespace {

constexpr int64_t kQueryBatch = 256;
constexpr int64_t kFlatStates = 400000;  // kind "auto": a flat index up to here
constexpr int kCatchUps = 2;  // a store that grows faster than that is searched as it was

Status check_options(const AnalogIndexOptions& options) {
  const std::string_view kinds[] = {"flat", "hnsw", "ivfpq", "auto"};
  if (std::find(std::begin(kinds), std::end(kinds), options.kind) == std::end(kinds)) {
    return usage(fmt::format("there is no index of kind '{}': take flat, hnsw, ivfpq or auto",
                             options.kind));
  }
  if (options.spec.context_states < 1 || options.spec.future_states < 1 || options.batch < 1) {
    return usage("an index needs windows of at least one context and one future state");
  }
  const HnswOptions& hnsw = options.hnsw;
  if (hnsw.links < 2 || hnsw.links > 512 || hnsw.ef_construction < 1 || hnsw.ef_search < 1) {
    return usage("hnsw options are out of range: links 2..512, beams >= 1");
  }
  return Status();
}

// "auto" becomes what suits so many windows.
AnalogIndexOptions settled(AnalogIndexOptions options, const storage::SeriesStore& store) {
  if (options.kind == "auto") options.kind = store.size() < kFlatStates ? "flat" : "ivfpq";
  return options;
}

int64_t bytes_of(const AnalogIndexOptions& options, int64_t dimension, int64_t rows) {
  if (options.kind == "hnsw") return hnsw_index_bytes(dimension, rows, options.hnsw);
  if (options.kind == "ivfpq") return ivfpq_index_bytes(dimension, rows);
  return flat_index_bytes(dimension, rows);
}

std::string in_mib(int64_t bytes) { return fmt::format("{} MiB", (bytes + (1 << 20) - 1) >> 20); }

}  // namespace

AnalogIndex::AnalogIndex(const storage::SeriesStore& store, std::shared_ptr<const Encoder> encoder,
                         const AnalogIndexOptions& options)
    : store_(store),
      encoder_(std::move(encoder)),
      options_(settled(options, store)),
      source_(store, encoder_, options.spec, options.targets),
      main_(empty()),
      tail_(encoder_->dimension()) {}

Result<std::unique_ptr<AnalogIndex>> AnalogIndex::open(const storage::SeriesStore& store,
                                                       std::shared_ptr<const Encoder> encoder,
                                                       const AnalogIndexOptions& options,
                                                       const Progress& progress) {
  SKIPCAST_TRY_OK(check_options(options));
  std::unique_ptr<AnalogIndex> made(new AnalogIndex(store, std::move(encoder), options));
  made->restore();
  SKIPCAST_TRY_OK(made->follow(progress));
  return made;
}

// A writer keeps the turnstile while it waits, so that a stream of readers cannot starve it.
std::shared_lock<std::shared_mutex> AnalogIndex::read_lock() const {
  const std::lock_guard turn(turnstile_);
  return std::shared_lock(mutex_);
}

std::unique_lock<std::shared_mutex> AnalogIndex::write_lock() const {
  const std::lock_guard turn(turnstile_);
  return std::unique_lock(mutex_);
}

void AnalogIndex::note(std::string text) {
  const auto lock = write_lock();
  if (notes_.empty() || notes_.back() != text) notes_.push_back(std::move(text));
}

std::vector<std::string> AnalogIndex::notes() const {
  const auto lock = read_lock();
  return notes_;
}

int64_t AnalogIndex::rows() const {
  const auto lock = read_lock();
  return static_cast<int64_t>(main_.index->ids().size()) + tail_.size();
}

int64_t AnalogIndex::tail_rows() const {
  const auto lock = read_lock();
  return tail_.size();
}

int64_t AnalogIndex::next_origin(const Built& built) const {
  return built.through - options_.spec.future_states;
}

AnalogIndex::Built AnalogIndex::empty() const {
  Built built;
  const int64_t width = encoder_->dimension();
  if (options_.kind == "hnsw") built.index = make_hnsw_index(width, options_.hnsw);
  if (options_.kind == "ivfpq") built.index = make_ivfpq_index(width);
  if (options_.kind == "flat") built.index = make_flat_index(width);
  built.index = placed(std::move(built.index));
  return built;
}

// Searched on the device where there is one; an index whose rows do not lie in memory stays here.
std::unique_ptr<VectorIndex> AnalogIndex::placed(std::unique_ptr<VectorIndex> index) const {
  if (!options_.scan || options_.kind == "hnsw") return index;
  return make_device_index(std::move(index), options_.scan);
}

// REQUIRES: follow_mutex_ is held.
void AnalogIndex::note_device() {
  const Status device = device_status(*main_.index);
  if (device.ok() || device_noted_) return;
  note(device.message() + ": searches stay on the CPU");
  device_noted_ = true;
}

// Room for `windows` more rows, within the memory there is.
Status AnalogIndex::make_room(Built& built, int64_t windows) const {
  const int64_t rows = static_cast<int64_t>(built.index->ids().size());
  if (rows + windows <= built.reserved) return Status();
  const int64_t wanted = rows == 0 ? windows : std::max(rows + windows, rows + rows / 8);
  const int64_t width = encoder_->dimension();
  int64_t need = bytes_of(options_, width, wanted) + options_.batch * width * 8;
  if (rows > 0) need += flat_index_bytes(width, rows);  // what is there is moved
  if (&built != &main_) need += bytes_of(options_, width, main_.reserved);
  if (options_.memory_bytes > 0 && need > options_.memory_bytes) {
    return usage(fmt::format(
        "the {} index of {} windows of {} values needs {}, but may take {}: allow it more "
        "(--memory), give the embedding fewer components, or {}",
        options_.kind, rows + windows, width, in_mib(need), in_mib(options_.memory_bytes),
        options_.kind == "flat" ? "index fewer windows" : "take kind flat, which is smaller"));
  }
  built.reserved = wanted;
  built.index->reserve(wanted);
  return Status();
}

// REQUIRES: follow_mutex_ is held.
Status AnalogIndex::add_windows(Built& built, std::span<const int64_t> origins) {
  SKIPCAST_TRY(const WindowRows rows, source_.rows(origins));
  std::unique_lock<std::shared_mutex> lock;
  if (&built == &main_) lock = write_lock();
  SKIPCAST_TRY_OK(built.index->add(rows.ids, rows.vectors));
  built.skipped += static_cast<int64_t>(origins.size() - rows.ids.size());
  built.through = origins.back() + options_.spec.future_states + 1;
  if (&built == &main_) tail_.drop_before(next_origin(main_));
  return Status();
}

Status AnalogIndex::add_all(Built& built, const Progress& progress) {
  const std::vector<int64_t> origins = source_.origins(next_origin(built), built.seen.states);
  if (origins.empty()) return Status();
  {
    std::unique_lock<std::shared_mutex> lock;
    if (&built == &main_) lock = write_lock();
    SKIPCAST_TRY_OK(make_room(built, static_cast<int64_t>(origins.size())));
  }
  for (size_t done = 0; done < origins.size();) {
    const size_t count = std::min(static_cast<size_t>(options_.batch), origins.size() - done);
    SKIPCAST_TRY_OK(add_windows(built, std::span(origins).subspan(done, count)));
    saved_ = false;
    done += count;
    const double fraction = static_cast<double>(done) / static_cast<double>(origins.size());
    if (!tell(progress, {fraction, "index", fmt::format("{} windows", done)})) {
      return Status(Code::kInterrupted, "stopped while indexing; run again to go on");
    }
  }
  return Status();
}

// Puts an index built aside into the place of the old one.
void AnalogIndex::replace(Built& built) {
  const auto lock = write_lock();
  std::swap(main_, built);
  tail_.drop_before(next_origin(main_));
  erased_ = source_.erased_since(main_.seen.block);
}

Status AnalogIndex::follow(const Progress& progress) {
  const std::lock_guard following(follow_mutex_);
  const storage::Receipt now = store_.last();
  const bool stale = touches(source_.erased_since(main_.seen.block), next_origin(main_));
  Status status;
  if (stale) {
    note(
        fmt::format("states were erased since the index was built (block {} of {}): it is built "
                    "anew from the archive",
                    main_.seen.block, now.block));
    Built fresh = empty();
    fresh.seen = now;
    status = add_all(fresh, progress);
    if (status.ok()) replace(fresh);
  } else {
    {
      const auto lock = write_lock();
      main_.seen = now;
      erased_ = source_.erased_since(now.block);
    }
    status = add_all(main_, progress);
  }
  note_device();
  save();
  return status;
}

// REQUIRES: tail_mutex_ is not held, nor mutex_. The tail then reaches what the store holds.
Status AnalogIndex::catch_up() const {
  const std::lock_guard catching(tail_mutex_);
  const storage::Receipt now = store_.last();
  int64_t from = 0;
  bool afresh = false;  // an erasure touched the tail's windows: they are made anew
  {
    const auto lock = read_lock();
    if (tail_seen_ == now) return Status();
    afresh = !source_.erased_since(tail_seen_.block).empty();
    from = next_origin(main_);
    if (!afresh) from = std::max(from, tail_seen_.states - options_.spec.future_states);
  }
  const std::vector<int64_t> origins = source_.origins(from, now.states);
  std::vector<WindowRows> fresh;
  for (size_t done = 0; done < origins.size();) {
    const size_t count = std::min(static_cast<size_t>(options_.batch), origins.size() - done);
    SKIPCAST_TRY(WindowRows rows, source_.rows(std::span(origins).subspan(done, count)));
    fresh.push_back(std::move(rows));
    done += count;
  }
  const auto lock = write_lock();
  if (afresh) tail_ = StoredRows(encoder_->dimension());
  for (const WindowRows& rows : fresh) SKIPCAST_TRY_OK(tail_.add(rows.ids, rows.vectors));
  tail_.drop_before(next_origin(main_));
  tail_seen_ = now;
  erased_ = source_.erased_since(main_.seen.block);
  return Status();
}

// A lock under which index and tail hold every window of the store.
Result<std::shared_lock<std::shared_mutex>> AnalogIndex::caught_up() const {
  for (int attempt = 0;; ++attempt) {
    {
      auto lock = read_lock();
      if (tail_seen_ == store_.last() || attempt == kCatchUps) return lock;
    }
    SKIPCAST_TRY_OK(catch_up());
  }
}

Result<std::vector<float>> AnalogIndex::encode_queries(std::span<const int64_t> origins) const {
  const size_t width = static_cast<size_t>(encoder_->dimension());
  std::vector<float> values(origins.size() * width);
  SKIPCAST_TRY_OK(encoder_->encode(origins, values));
  for (size_t i = 0; i < origins.size(); ++i) {
    if (finite_row(std::span<const float>(values).subspan(i * width, width))) continue;
    return not_found(
        fmt::format("the context ending at {} holds no data, so nothing can be compared with it",
                    storage::format_time(store_.schema().axis.time_at(origins[i]))));
  }
  return values;
}

Result<AnalogResult> AnalogIndex::search(int64_t query_origin, const Guard& guard,
                                         const SearchOptions& options) const {
  SKIPCAST_TRY(const std::vector<float> query, encode_queries({&query_origin, 1}));
  return search(query, query_origin, guard, options);
}

Status AnalogIndex::check_request(const Guard& guard, const SearchOptions& options) const {
  if (guard.spec != options_.spec) return usage("the guard is for windows of another shape");
  if (options.k < 1) return usage(fmt::format("{} analogs: ask for at least 1", options.k));
  if (options.separation < 1) return usage("a separation of analogs is at least 1 state");
  return {};
}

Result<AnalogResult> AnalogIndex::search(std::span<const float> query, int64_t query_origin,
                                         const Guard& guard, const SearchOptions& options) const {
  SKIPCAST_TRY_OK(check_request(guard, options));
  SKIPCAST_TRY(const std::shared_lock<std::shared_mutex> lock, caught_up());
  return search_locked(query, query_origin, guard, options, {});
}

// REQUIRES: mutex_ is held.
AnalogIndex::Visible AnalogIndex::visible(const Guard& guard, int64_t query_origin) const {
  const std::span<const int64_t> ids = main_.index->ids();
  const int64_t next = next_origin(main_);
  const int64_t end = tail_.size() == 0 ? next : tail_.ids().back() + 1;
  SKIPCAST_CHECK(ids.empty() || ids.back() < next);
  SKIPCAST_CHECK(tail_.size() == 0 || tail_.ids().front() >= next);
  const std::vector<Interval> usable = usable_intervals(guard, query_origin, 0, end);
  std::vector<Interval> indexed = clipped(usable, 0, next);
  std::vector<Interval> allowed = without(indexed, erased_);
  return {std::move(indexed), std::move(allowed), clipped(usable, next, end)};
}

// REQUIRES: mutex_ is held.
Result<AnalogResult> AnalogIndex::search_locked(std::span<const float> query, int64_t query_origin,
                                                const Guard& guard, const SearchOptions& options,
                                                std::span<const Neighbour> known) const {
  const Visible seen = visible(guard, query_origin);
  const PlannedQuery planned{query, seen.allowed, 2 * options_.spec.span(), seen.tail, known};
  SKIPCAST_TRY(AnalogResult result, plan_search({*main_.index, tail_.view()}, planned, options));
  result.plan.tail = tail_.size();
  if (!erased_.empty()) {
    const std::span<const int64_t> ids = main_.index->ids();
    result.plan.erased =
        total_length(rows_within(ids, seen.indexed)) - total_length(rows_within(ids, seen.allowed));
  }
  for (const Neighbour& analog : result.analogs) {
    SKIPCAST_CHECK(usable(guard, query_origin, analog.origin));
  }
  if (static_cast<int64_t>(result.analogs.size()) < options.k && !options.fewer_is_ok) {
    return not_found(fmt::format(
        "{} analogs at least {} states apart were asked for at {}, but only {} can be had ({} of "
        "{} windows may be used): ask for fewer",
        options.k, options.separation,
        storage::format_time(store_.schema().axis.time_at(query_origin)), result.analogs.size(),
        result.plan.allowed, result.plan.rows));
  }
  return result;
}

// For each query the neighbours that were found for many at once, if any. REQUIRES: mutex_ is held.
Result<std::vector<std::vector<Neighbour>>> AnalogIndex::known_of(
    std::span<const float> queries, std::span<const int64_t> origins, const Guard& guard,
    const SearchOptions& options) const {
  const size_t width = static_cast<size_t>(encoder_->dimension());
  std::vector<BatchQuery> asked;
  for (size_t i = 0; i < origins.size(); ++i) {
    asked.push_back({queries.subspan(i * width, width), visible(guard, origins[i]).allowed});
  }
  return search_batch(*main_.index, asked, worth_knowing(options));
}

Result<std::vector<AnalogResult>> AnalogIndex::search_many(std::span<const int64_t> query_origins,
                                                           const Guard& guard,
                                                           const SearchOptions& options) const {
  SKIPCAST_TRY_OK(check_request(guard, options));
  const size_t width = static_cast<size_t>(encoder_->dimension());
  std::vector<AnalogResult> results(query_origins.size());
  SKIPCAST_TRY_OK(caught_up().status());
  for (size_t begin = 0; begin < query_origins.size(); begin += kQueryBatch) {
    const std::span<const int64_t> batch =
        query_origins.subspan(begin, std::min<size_t>(kQueryBatch, query_origins.size() - begin));
    SKIPCAST_TRY(const std::vector<float> queries, encode_queries(batch));
    // Over what was found for all at once and what is made of it.
    SKIPCAST_TRY(const std::shared_lock<std::shared_mutex> lock, caught_up());
    SKIPCAST_TRY(const std::vector<std::vector<Neighbour>> known,
                 known_of(queries, batch, guard, options));
    std::vector<Status> statuses(batch.size());
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < batch.size(); ++i) {
      const auto query = std::span<const float>(queries).subspan(i * width, width);
      Result<AnalogResult> found = search_locked(query, batch[i], guard, options, known[i]);
      statuses[i] = found.status();
      if (found.ok()) results[begin + i] = std::move(found).value();
    }
    for (const Status& status : statuses) SKIPCAST_TRY_OK(Status(status));
  }
  return results;
}

}  // namespace skipcast::retrieval
