// AnalogIndex and its file: which one fits the archive, and how it is written.
#include <fmt/format.h>

#include <algorithm>

#include "retrieval/search/analog_index.h"
#include "storage/files/file_io.h"
#include "storage/files/fingerprint.h"

namespace skipcast::retrieval {
namespace {

constexpr int64_t kSpotChecks = 8;       // rows encoded anew after loading
constexpr double kSpotTolerance = 1e-6;  // of the row's squared length
constexpr int64_t kHeaderBytesMax = 1 << 16;
constexpr int64_t kFileBytesMax = int64_t{1} << 40;

// Changes with everything but the encoder and the store that decides which rows there are.
std::string options_fingerprint(const AnalogIndexOptions& options) {
  const bool graph = options.kind == "hnsw";
  return storage::fingerprint_of(fmt::format(
      "index 1 {} {} {} {} {} {} {}", options.kind, options.spec.context_states,
      options.spec.future_states, fmt::join(options.targets, ","), graph ? options.hnsw.links : 0,
      graph ? options.hnsw.ef_construction : 0, graph ? options.hnsw.ef_search : 0));
}

// A file of this many rows cannot be larger: rows, ids, links on all levels, 10 % to spare.
int64_t envelope_bytes_max(const AnalogIndexOptions& options, int64_t dimension, int64_t rows) {
  const int64_t row = 8 + 4 * dimension + 4 + 16 * int64_t{options.hnsw.links};
  const int64_t lists = options.kind == "ivfpq"
                            ? (rows + 1024) * (4 + dimension) + ((1 << 16) + 256) * dimension * 4
                            : 0;
  return kHeaderBytesMax + (rows + 1024) * row / 10 * 11 + lists;
}

// Encodes rows of a loaded index anew: they must be what the index holds.
Status check_rows(const VectorIndex& index, const Encoder& encoder,
                  std::span<const int64_t> origins) {
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

// A few rows tell an index of another copy of the archive, or an encoder whose fingerprint forgot
// something.
Status spot_check(const VectorIndex& index, const Encoder& encoder) {
  const int64_t rows = static_cast<int64_t>(index.ids().size());
  const int64_t count = std::min(kSpotChecks, rows);
  std::vector<int64_t> origins;
  for (int64_t i = 1; i <= count; ++i) {
    origins.push_back(index.ids()[static_cast<size_t>(i * rows / count - 1)]);
  }
  return check_rows(index, encoder, origins);
}

// That the file is of this archive, of this encoder and these options.
Status check_origin(const EnvelopeHeader& header, const EnvelopeHeader& expected) {
  if (header.store_id != expected.store_id) return data_loss("it belongs to another archive");
  if (header.fingerprint != expected.fingerprint || header.kind != expected.kind ||
      header.dimension != expected.dimension) {
    return data_loss("it was made by another encoder or with other options");
  }
  return Status();
}

// That the archive which the file was made from is this one, as it was then.
Status check_history(const EnvelopeHeader& header, const storage::SeriesStore& store) {
  if (!storage::has_history(store, header.block, header.chain)) {
    return data_loss("it belongs to another history of this archive (an older or newer copy)");
  }
  if (header.through < 0 || header.through > store.last().states) {
    return data_loss("it covers more than the archive holds");
  }
  return Status();
}

}  // namespace

// What a file of the present state says. REQUIRES: no writer at work.
EnvelopeHeader AnalogIndex::header(const Built& built) const {
  return {options_.kind,
          store_.store_id(),
          encoder_->fingerprint() + " " + options_fingerprint(options_),
          built.through,
          static_cast<int64_t>(built.index->ids().size()),
          built.skipped,
          encoder_->dimension(),
          built.seen.block,
          built.seen.chain};
}

Result<AnalogIndex::Built> AnalogIndex::load(const std::string& path) const {
  const EnvelopeHeader expected = header(main_);
  const int64_t bytes_max = envelope_bytes_max(options_, expected.dimension, store_.size());
  SKIPCAST_TRY(const std::unique_ptr<EnvelopeReader> reader, EnvelopeReader::open(path, bytes_max));
  const EnvelopeHeader& header = reader->header();
  SKIPCAST_TRY_OK(check_origin(header, expected));
  SKIPCAST_TRY_OK(check_history(header, store_));
  const int64_t next = header.through - options_.spec.future_states;
  if (touches(source_.erased_since(header.block), next)) {
    return data_loss("states were erased since it was written");
  }
  const std::vector<int64_t> windows = source_.origins(0, header.through);
  if (header.rows < 0 || header.skipped < 0 ||
      header.rows + header.skipped != static_cast<int64_t>(windows.size())) {
    return data_loss("it does not hold the archive's windows");
  }
  Built built{nullptr, header.rows, header.through, header.skipped, {}};
  SKIPCAST_TRY(built.index, load_index(header.kind, *reader, header.dimension, header.rows));
  const std::span<const int64_t> ids = built.index->ids();
  if (!std::includes(windows.begin(), windows.end(), ids.begin(), ids.end())) {
    return data_loss("it does not hold the archive's windows");
  }
  SKIPCAST_TRY_OK(spot_check(*built.index, *encoder_));
  built.index = placed(std::move(built.index));
  built.seen = {header.block, header.through, header.chain};
  return built;
}

Result<int64_t> AnalogIndex::check_file(const storage::SeriesStore& store,
                                        std::shared_ptr<const Encoder> encoder,
                                        const AnalogIndexOptions& options,
                                        const Progress& progress) {
  const AnalogIndex checker(store, std::move(encoder), options);
  SKIPCAST_TRY(const std::unique_ptr<EnvelopeReader> reader,
               EnvelopeReader::open(options.path, kFileBytesMax));
  const EnvelopeHeader header = reader->header(), expected = checker.header(checker.main_);
  if (!check_origin(header, expected).ok() || !check_history(header, store).ok() ||
      touches(checker.source_.erased_since(header.block),
              header.through - options.spec.future_states)) {
    return refused("it is out of date; the next use builds it anew");
  }
  SKIPCAST_TRY(const Built built, checker.load(options.path));
  const std::span<const int64_t> ids = built.index->ids();
  for (size_t at = 0; at < ids.size(); at += static_cast<size_t>(options.batch)) {
    const auto count = std::min(static_cast<size_t>(options.batch), ids.size() - at);
    SKIPCAST_TRY_OK(check_rows(*built.index, *checker.encoder_, ids.subspan(at, count)));
    const double fraction = static_cast<double>(at + count) / static_cast<double>(ids.size());
    if (!tell(progress, {fraction, "verify", fmt::format("{} windows encoded anew", at + count)})) {
      return Status(Code::kInterrupted, "verify was stopped");
    }
  }
  return static_cast<int64_t>(ids.size());
}

void AnalogIndex::restore() {
  if (options_.path.empty()) return;
  storage::remove_orphans(options_.path);
  for (const std::string& path : {options_.path, previous_envelope(options_.path)}) {
    Result<Built> loaded = load(path);
    if (!loaded.ok() && loaded.status().code() == Code::kNotFound) continue;
    if (!loaded.ok()) {
      note(fmt::format("index file {} is not used: {}", path, loaded.status().message()));
      continue;
    }
    main_ = std::move(loaded).value();
    saved_ = path == options_.path;
    note(fmt::format("index file {}: {} windows loaded", path, main_.index->ids().size()));
    return;
  }
  note("the index is built from the archive");
}

// REQUIRES: follow_mutex_ is held: nobody else changes main_, so searches go on meanwhile.
void AnalogIndex::save() {
  if (options_.path.empty() || saved_) return;
  const auto payload = [this](const ByteSink& sink) { return main_.index->write(sink); };
  const Status status = write_envelope(options_.path, header(main_), payload);
  saved_ = status.ok();
  if (!saved_) {
    note(fmt::format("the index file could not be written and is kept in memory only: {}",
                     status.message()));
  }
}

}  // namespace skipcast::retrieval
