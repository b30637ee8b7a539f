// AnalogIndex: from a query's origin to its analogs, over a whole archive.
//
// Ties together an encoder, a VectorIndex, the envelope on disk, the follower that adds windows
// which have appeared since, and the search planner of DESIGN decision 6: approximate search
// where the guard allows most rows, a wider beam where it allows some, an exact scan of the
// allowed rows where it allows few; k asked is k returned, or an error says why. The file is a
// cache: deleting it is always safe, a damaged or foreign one is rebuilt and says so.
// Thread safety: search() from any number of threads, also while one thread calls follow().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <vector>

#include "retrieval/encoder.h"
#include "retrieval/guard.h"
#include "retrieval/vector_index.h"
#include "storage/progress.h"

namespace skipcast::retrieval {

struct AnalogIndexOptions {
  storage::WindowSpec spec;
  std::string kind = "flat";         // or "hnsw"
  HnswOptions hnsw;
  std::string path;                  // envelope file; empty = memory only
  int64_t batch = 1024;              // windows encoded at once
};

struct SearchOptions {
  int64_t k = 32;
  int64_t separation = 1;   // least distance in states between two returned origins (>= 1)
  bool fewer_is_ok = false; // else k not reachable = kNotFound with the number allowed
};

// How a search ran, for `inspect`, tests and the record in a forecast file.
struct SearchPlan {
  std::string method;       // "ann", "ann-wide", "exact"
  int64_t allowed = 0;      // rows the guard allows
  int64_t rows = 0;
};

struct AnalogResult {
  std::vector<Neighbour> analogs;  // nearest first
  SearchPlan plan;
};

class AnalogIndex {
 public:
  // Loads the envelope when it fits (store id, encoder fingerprint, rows), else starts empty.
  // Then follow() brings it up to date. `notes()` says what happened. Store must outlive it.
  static Result<std::unique_ptr<AnalogIndex>> open(const storage::SeriesStore& store,
                                                   std::shared_ptr<const Encoder> encoder,
                                                   const AnalogIndexOptions& options,
                                                   const Progress& progress = {});
  // Encodes and adds every window complete by the store's current size; writes the envelope.
  Status follow(const Progress& progress = {});

  // Analogs for the window with this origin (its embedding is made by the encoder).
  Result<AnalogResult> search(int64_t query_origin, const Guard& guard,
                              const SearchOptions& options) const;
  // The same with the query's embedding at hand: [dimension].
  Result<AnalogResult> search(std::span<const float> query, int64_t query_origin,
                              const Guard& guard, const SearchOptions& options) const;

  int64_t rows() const;
  const Encoder& encoder() const { return *encoder_; }
  std::vector<std::string> notes() const;

 private:
  AnalogIndex(const storage::SeriesStore& store, std::shared_ptr<const Encoder> encoder,
              const AnalogIndexOptions& options);

  // Constant after construction.
  const storage::SeriesStore& store_;
  std::shared_ptr<const Encoder> encoder_;
  AnalogIndexOptions options_;
  // Guarded by mutex_.
  mutable std::shared_mutex mutex_;
  std::unique_ptr<VectorIndex> index_;
  int64_t through_ = 0;  // states of the store covered
  std::vector<std::string> notes_;
};

}  // namespace skipcast::retrieval
