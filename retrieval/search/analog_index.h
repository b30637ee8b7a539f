// AnalogIndex: from a query's origin to its analogs, over a whole archive.
//
// Ties together an encoder, a VectorIndex, the envelope on disk, the follower that adds windows
// which have appeared since, and the search planner of DESIGN decision 6: approximate search
// where the guard allows most rows, a wider beam where it allows some, an exact scan of the
// allowed rows where it allows few; k asked is k returned, or an error says why. The file is a
// cache: deleting it is always safe, a damaged or foreign one, or one of another history of the
// archive, is rebuilt and says so.
// States appended since the last follow() are found at once: the first search that sees the store
// has grown encodes their windows into a tail in memory, which is scanned exactly beside the index
// until follow() moves it there. Windows that an erasure touched are left out at once and come
// back, with what is left of them, when follow() builds the index anew.
// Left out are windows whose context holds no data (their embedding is not finite) and windows
// whose whole future is missing; a future with some gaps is still an analog.
// Bits: with kind "flat" results depend on the archive alone: not on threads, batches, or whether
// the index was loaded, followed or rebuilt. HNSW graphs and IVFPQ lists depend on the order of
// building.
// Thread safety: search() from any number of threads, also while follow() runs.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <vector>

#include "retrieval/encoders/encoder.h"
#include "retrieval/indexes/device_scan.h"
#include "retrieval/indexes/stored_rows.h"
#include "retrieval/indexes/vector_index.h"
#include "retrieval/search/guard.h"
#include "retrieval/search/index_envelope.h"
#include "retrieval/search/window_rows.h"
#include "storage/progress.h"

namespace skipcast::retrieval {

struct AnalogIndexOptions {
  storage::WindowSpec spec;
  std::string kind = "flat";  // "hnsw", "ivfpq"; "auto": ivfpq for large archives, else flat
  HnswOptions hnsw;
  std::string path;              // envelope file; empty = memory only
  int64_t batch = 1024;          // windows encoded at once
  int64_t memory_bytes = 0;      // bound on the index while it is built; 0 = none
  DeviceScanMaker scan;          // searches on a device (device_scan.h); empty = on the CPU
  std::vector<int32_t> targets;  // store variables of which a future must show some value;
                                 // empty = all
};

struct SearchOptions {
  int64_t k = 32;
  int64_t separation = 1;    // least distance in states between two returned origins (>= 1)
  bool fewer_is_ok = false;  // else k not reachable = kNotFound with the number allowed
};

// How a search ran, for `inspect`, tests and the record in a forecast file.
struct SearchPlan {
  std::string method;   // "ann", "ann-wide", "exact"
  int64_t allowed = 0;  // rows the guard allows
  int64_t rows = 0;     // of the index and the tail
  int64_t tail = 0;     // of them in the tail
  int64_t erased = 0;   // rows left out because an erasure touched their window
};

struct AnalogResult {
  std::vector<Neighbour> analogs;  // nearest first
  SearchPlan plan;
};

class AnalogIndex {
 public:
  // Loads the envelope when it fits (checksums, store id, history of the archive, encoder
  // fingerprint, rows, and a few windows encoded anew), else the one before it, else starts empty;
  // then runs follow(). notes() says what happened. kUsage for an unknown kind, or an index that
  // memory_bytes cannot hold. Store must outlive it; `progress` is not kept.
  static Result<std::unique_ptr<AnalogIndex>> open(const storage::SeriesStore& store,
                                                   std::shared_ptr<const Encoder> encoder,
                                                   const AnalogIndexOptions& options,
                                                   const Progress& progress = {});
  // Encodes and adds every window complete by the store's current size, then writes the envelope
  // unless it holds all of them already. A file that cannot be written is a note, not a failure.
  // Failures of the encoder or store are returned; what was added stays, and the next call goes
  // on from there. kInterrupted when `progress` says stop (what was added is saved). When states
  // were erased since, the index is built anew beside the old one, which serves until it is done.
  Status follow(const Progress& progress = {});

  // Analogs for the window with this origin (its embedding is made by the encoder). kNotFound
  // when fewer than k can be had (with the numbers), or the context holds no data; kUsage for
  // k < 1, separation < 1 or a guard for another window shape.
  Result<AnalogResult> search(int64_t query_origin, const Guard& guard,
                              const SearchOptions& options) const;
  // Many queries on all threads, result i for query_origins[i], the same bits as one by one; at
  // once where the index is exact (batch_search.h), which takes a tenth of the time of a search
  // each. The first failure is returned.
  Result<std::vector<AnalogResult>> search_many(std::span<const int64_t> query_origins,
                                                const Guard& guard,
                                                const SearchOptions& options) const;
  // The same with the query's embedding at hand: [dimension].
  Result<AnalogResult> search(std::span<const float> query, int64_t query_origin,
                              const Guard& guard, const SearchOptions& options) const;

  // Does the file at options.path hold, window for window, what the encoder makes of the archive
  // now? The number of windows, all encoded anew. kDataLoss when not; kNotFound when there is no
  // file, kRefused when it is sound but of no use any more (another encoder, a part erased): the
  // next use builds it anew. Changes nothing.
  static Result<int64_t> check_file(const storage::SeriesStore& store,
                                    std::shared_ptr<const Encoder> encoder,
                                    const AnalogIndexOptions& options,
                                    const Progress& progress = {});

  // Windows in the index and the tail, as of the last search or follow(); of them in the tail.
  int64_t rows() const;
  int64_t tail_rows() const;
  const Encoder& encoder() const { return *encoder_; }
  std::vector<std::string> notes() const;

 private:
  AnalogIndex(const storage::SeriesStore& store, std::shared_ptr<const Encoder> encoder,
              const AnalogIndexOptions& options);

  // An index and what it covers.
  struct Built {
    std::unique_ptr<VectorIndex> index;
    int64_t reserved = 0;   // rows that there is room for
    int64_t through = 0;    // states of the store covered
    int64_t skipped = 0;    // windows left out
    storage::Receipt seen;  // the archive its rows were made from
  };

  // What a query may see of the index, before and after what was erased is left out, and the tail.
  struct Visible {
    std::vector<Interval> indexed, allowed, tail;
  };

  Built empty() const;
  std::unique_ptr<VectorIndex> placed(std::unique_ptr<VectorIndex> index) const;
  int64_t next_origin(const Built& built) const;
  EnvelopeHeader header(const Built& built) const;
  void restore();
  Result<Built> load(const std::string& path) const;
  void save();
  void note(std::string text);
  void note_device();
  Status add_windows(Built& built, std::span<const int64_t> origins);
  Status add_all(Built& built, const Progress& progress);
  void replace(Built& built);
  Status make_room(Built& built, int64_t windows) const;
  Status catch_up() const;
  Result<std::shared_lock<std::shared_mutex>> caught_up() const;
  Visible visible(const Guard& guard, int64_t query_origin) const;
  Status check_request(const Guard& guard, const SearchOptions& options) const;
  Result<AnalogResult> search_locked(std::span<const float> query, int64_t query_origin,
                                     const Guard& guard, const SearchOptions& options,
                                     std::span<const Neighbour> known) const;
  Result<std::vector<std::vector<Neighbour>>> known_of(std::span<const float> queries,
                                                       std::span<const int64_t> origins,
                                                       const Guard& guard,
                                                       const SearchOptions& options) const;
  Result<std::vector<float>> encode_queries(std::span<const int64_t> origins) const;
  std::shared_lock<std::shared_mutex> read_lock() const;
  std::unique_lock<std::shared_mutex> write_lock() const;

  // Constant after construction.
  const storage::SeriesStore& store_;
  std::shared_ptr<const Encoder> encoder_;
  AnalogIndexOptions options_;
  WindowSource source_;
  mutable std::mutex turnstile_;   // held by a writer waiting for mutex_, so that readers let it in
  std::mutex follow_mutex_;        // held by the one follow() at work
  bool saved_ = false;             // guarded by follow_mutex_: the file holds what the index holds
  bool device_noted_ = false;      // guarded by follow_mutex_: that the device fails
  mutable std::mutex tail_mutex_;  // held by the one search that extends the tail
  // Guarded by mutex_.
  mutable std::shared_mutex mutex_;
  Built main_;                            // changed by follow() only
  mutable StoredRows tail_;               // from next_origin(main_) on
  mutable storage::Receipt tail_seen_;    // the archive that the tail has reached
  mutable std::vector<Interval> erased_;  // origins in main_ that an erasure touched since
  std::vector<std::string> notes_;
};

}  // namespace skipcast::retrieval
