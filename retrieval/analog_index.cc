#include "retrieval/analog_index.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "retrieval/fingerprint.h"
#include "retrieval/future_data.h"
#include "retrieval/search_planner.h"
#include "storage/file_io.h"

namespace skipcast::retrieval {
namespace {

constexpr int64_t kSpotChecks = 8;           // rows encoded anew after loading
constexpr double kSpotTolerance = 1e-6;      // of the row's squared length
constexpr int64_t kHeaderBytesMax = 1 << 16;
constexpr int64_t kQueryBatch = 256;

// Changes with everything but the encoder and the store that decides which rows there are.
std::string options_fingerprint(const AnalogIndexOptions& options) {
  const bool graph = options.kind == "hnsw";
  return fingerprint_of(fmt::format(
      "index 1 {} {} {} {} {} {} {}", options.kind, options.spec.context_states,
      options.spec.future_states, fmt::join(options.targets, ","),
      graph ? options.hnsw.links : 0, graph ? options.hnsw.ef_construction : 0,
      graph ? options.hnsw.ef_search : 0));
}

std::unique_ptr<VectorIndex> make_index(const AnalogIndexOptions& options, int64_t dimension) {
  if (options.kind == "hnsw") return make_hnsw_index(dimension, options.hnsw);
  return make_flat_index(dimension);
}

Status check_options(const AnalogIndexOptions& options) {
  if (options.kind != "flat" && options.kind != "hnsw") {
    return usage(fmt::format("there is no index of kind '{}': take flat or hnsw", options.kind));
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

// A file of this many rows cannot be larger: rows, ids, links on all levels, 10 % to spare.
int64_t envelope_bytes_max(const AnalogIndexOptions& options, int64_t dimension, int64_t rows) {
  const int64_t row = 8 + 4 * dimension + 4 + 16 * int64_t{options.hnsw.links};
  return kHeaderBytesMax + (rows + 1024) * row / 10 * 11;
}

bool finite_row(std::span<const float> row) {
  return std::all_of(row.begin(), row.end(), [](float value) { return std::isfinite(value); });
}

// All windows of the first `states` states.
std::vector<int64_t> windows_of(const storage::SeriesStore& store,
                                const AnalogIndexOptions& options, int64_t states) {
  return storage::window_origins(store.schema().axis, options.spec, 0, states - 1);
}

// Encodes a few rows of a loaded index anew: they must be what the index holds. Tells an index
// of another copy of the archive, or an encoder whose fingerprint forgot something.
Status spot_check(const VectorIndex& index, const Encoder& encoder) {
  const int64_t rows = static_cast<int64_t>(index.ids().size());
  std::vector<int64_t> origins;
  for (int64_t i = 1; i <= std::min(kSpotChecks, rows); ++i) {
    origins.push_back(index.ids()[static_cast<size_t>(i * rows / std::min(kSpotChecks, rows) - 1)]);
  }
  const size_t width = static_cast<size_t>(encoder.dimension());
  std::vector<float> values(origins.size() * width);
  SKIPCAST_TRY_OK(encoder.encode(origins, values));
  for (size_t i = 0; i < origins.size(); ++i) {
    const auto row = std::span<const float>(values).subspan(i * width, width);
    const Interval only{origins[i], origins[i] + 1};
    if (!finite_row(row)) return data_loss("its rows are not those of this archive");
    SKIPCAST_TRY(const std::vector<Neighbour> found, index.search_exact(row, 1, {&only, 1}));
    double length = 0;
    for (const float value : row) length += double{value} * double{value};
    if (found.size() != 1 || found[0].distance > kSpotTolerance * (length + 1e-6)) {
      return data_loss("its rows are not those of this archive");
    }
  }
  return Status();
}

// What a process that died left of index files it was writing.
void remove_left_files(const std::string& index_file) {
  const std::filesystem::path folder = std::filesystem::path(index_file).parent_path();
  for (const std::string& path : storage::left_temporaries(folder.empty() ? "." : folder)) {
    ::unlink(path.c_str());
  }
}

}  // namespace

AnalogIndex::AnalogIndex(const storage::SeriesStore& store,
                         std::shared_ptr<const Encoder> encoder, const AnalogIndexOptions& options)
    : store_(store),
      encoder_(std::move(encoder)),
      options_(options),
      index_(make_index(options, encoder_->dimension())) {}

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
  return static_cast<int64_t>(index_->ids().size());
}

// What a file of the present state says. REQUIRES: no writer at work.
EnvelopeHeader AnalogIndex::header() const {
  return {options_.kind,
          store_.store_id(),
          encoder_->fingerprint() + " " + options_fingerprint(options_),
          through_,
          static_cast<int64_t>(index_->ids().size()),
          skipped_,
          encoder_->dimension()};
}

Result<std::unique_ptr<VectorIndex>> AnalogIndex::load(const std::string& path,
                                                       EnvelopeHeader& header) const {
  const EnvelopeHeader expected = this->header();
  const int64_t bytes_max = envelope_bytes_max(options_, expected.dimension, store_.size());
  SKIPCAST_TRY(const Envelope envelope, read_envelope(path, bytes_max));
  header = envelope.header;
  if (header.store_id != expected.store_id) return data_loss("it belongs to another archive");
  if (header.fingerprint != expected.fingerprint || header.kind != expected.kind ||
      header.dimension != expected.dimension) {
    return data_loss("it was made by another encoder or with other options");
  }
  if (header.through < 0 || header.through > store_.size()) {
    return data_loss("it covers more than the archive holds");
  }
  const std::vector<int64_t> windows = windows_of(store_, options_, header.through);
  if (header.rows < 0 || header.skipped < 0 ||
      header.rows + header.skipped != static_cast<int64_t>(windows.size())) {
    return data_loss("it does not hold the archive's windows");
  }
  SKIPCAST_TRY(std::unique_ptr<VectorIndex> index,
               load_index(header.kind, envelope.payload(), header.dimension, header.rows));
  const std::span<const int64_t> ids = index->ids();
  if (!std::includes(windows.begin(), windows.end(), ids.begin(), ids.end())) {
    return data_loss("it does not hold the archive's windows");
  }
  SKIPCAST_TRY_OK(spot_check(*index, *encoder_));
  return index;
}

void AnalogIndex::restore() {
  if (options_.path.empty()) return;
  remove_left_files(options_.path);
  for (const std::string& path : {options_.path, previous_envelope(options_.path)}) {
    EnvelopeHeader header;
    Result<std::unique_ptr<VectorIndex>> loaded = load(path, header);
    if (!loaded.ok() && loaded.status().code() == Code::kNotFound) continue;
    if (!loaded.ok()) {
      note(fmt::format("index file {} is not used: {}", path, loaded.status().message()));
      continue;
    }
    note(fmt::format("index file {}: {} windows loaded", path, header.rows));
    index_ = std::move(loaded).value();
    through_ = header.through;
    skipped_ = header.skipped;
    saved_ = path == options_.path;
    return;
  }
  note("the index is built from the archive");
}

void AnalogIndex::save() {
  if (options_.path.empty() || saved_) return;
  Status status;
  {
    const auto lock = read_lock();
    const EnvelopeHeader now = header();
    const Result<std::string> payload = index_->serialize();
    status = payload.ok() ? write_envelope(options_.path, now, *payload) : payload.status();
  }
  saved_ = status.ok();
  if (!saved_) {
    note(fmt::format("the index file could not be written and is kept in memory only: {}",
                     status.message()));
  }
}

Status AnalogIndex::add_windows(std::span<const int64_t> origins) {
  const size_t width = static_cast<size_t>(encoder_->dimension());
  std::vector<float> values(origins.size() * width);
  SKIPCAST_TRY_OK(encoder_->encode(origins, values));
  SKIPCAST_TRY(const std::vector<bool> futures,
               futures_with_data(store_, options_.spec, options_.targets, origins));
  std::vector<int64_t> ids;
  for (size_t i = 0; i < origins.size(); ++i) {
    const auto row = std::span<const float>(values).subspan(i * width, width);
    if (!futures[i] || !finite_row(row)) continue;
    std::copy(row.begin(), row.end(), values.begin() + static_cast<int64_t>(ids.size() * width));
    ids.push_back(origins[i]);
  }
  values.resize(ids.size() * width);
  const auto lock = write_lock();
  SKIPCAST_TRY_OK(index_->add(ids, values));
  skipped_ += static_cast<int64_t>(origins.size() - ids.size());
  through_ = origins.back() + options_.spec.future_states + 1;
  return Status();
}

Status AnalogIndex::follow(const Progress& progress) {
  const std::lock_guard following(follow_mutex_);
  const int64_t size = store_.size();
  std::vector<int64_t> origins = windows_of(store_, options_, size);
  const int64_t next = through_ - options_.spec.future_states;  // first origin not covered yet
  origins.erase(origins.begin(), std::lower_bound(origins.begin(), origins.end(), next));
  Status status;
  size_t done = 0;
  while (status.ok() && done < origins.size()) {
    const size_t count = std::min(static_cast<size_t>(options_.batch), origins.size() - done);
    status = add_windows(std::span(origins).subspan(done, count));
    if (!status.ok()) break;
    done += count;
    const double fraction = static_cast<double>(done) / static_cast<double>(origins.size());
    if (!tell(progress, {fraction, "index", fmt::format("{} windows", done)})) {
      status = Status(Code::kInterrupted, "stopped while indexing; run again to go on");
    }
  }
  if (done > 0) saved_ = false;
  save();
  return status;
}

Result<std::vector<float>> AnalogIndex::encode_queries(std::span<const int64_t> origins) const {
  const size_t width = static_cast<size_t>(encoder_->dimension());
  std::vector<float> values(origins.size() * width);
  SKIPCAST_TRY_OK(encoder_->encode(origins, values));
  for (size_t i = 0; i < origins.size(); ++i) {
    if (finite_row(std::span<const float>(values).subspan(i * width, width))) continue;
    return not_found(fmt::format(
        "the context ending at {} holds no data, so nothing can be compared with it",
        storage::format_time(store_.schema().axis.time_at(origins[i]))));
  }
  return values;
}

Result<AnalogResult> AnalogIndex::search(int64_t query_origin, const Guard& guard,
                                         const SearchOptions& options) const {
  SKIPCAST_TRY(const std::vector<float> query, encode_queries({&query_origin, 1}));
  return search(query, query_origin, guard, options);
}

Result<AnalogResult> AnalogIndex::search(std::span<const float> query, int64_t query_origin,
                                         const Guard& guard, const SearchOptions& options) const {
  if (guard.spec != options_.spec) return usage("the guard is for windows of another shape");
  if (options.k < 1) return usage(fmt::format("{} analogs: ask for at least 1", options.k));
  if (options.separation < 1) return usage("a separation of analogs is at least 1 state");
  const auto lock = read_lock();
  const std::span<const int64_t> ids = index_->ids();
  const int64_t first = ids.empty() ? 0 : ids.front(), last = ids.empty() ? 0 : ids.back() + 1;
  const std::vector<Interval> allowed = usable_intervals(guard, query_origin, first, last);
  const PlannedQuery planned{query, allowed, 2 * options_.spec.span()};
  SKIPCAST_TRY(AnalogResult result, plan_search(*index_, options_.hnsw, planned, options));
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

Result<std::vector<AnalogResult>> AnalogIndex::search_many(std::span<const int64_t> query_origins,
                                                           const Guard& guard,
                                                           const SearchOptions& options) const {
  const size_t width = static_cast<size_t>(encoder_->dimension());
  std::vector<AnalogResult> results(query_origins.size());
  for (size_t begin = 0; begin < query_origins.size(); begin += kQueryBatch) {
    const std::span<const int64_t> batch = query_origins.subspan(
        begin, std::min<size_t>(kQueryBatch, query_origins.size() - begin));
    SKIPCAST_TRY(const std::vector<float> queries, encode_queries(batch));
    std::vector<Status> statuses(batch.size());
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < batch.size(); ++i) {
      Result<AnalogResult> found = search(std::span<const float>(queries).subspan(i * width, width),
                                          batch[i], guard, options);
      statuses[i] = found.status();
      if (found.ok()) results[begin + i] = std::move(found).value();
    }
    for (const Status& status : statuses) SKIPCAST_TRY_OK(Status(status));
  }
  return results;
}

}  // namespace skipcast::retrieval
