// Nearest neighbours over embeddings whose ids are increasing 64-bit origins. FAISS lives behind
// this interface (*_index.cc, row_scan.cc); its exceptions stop there, and its
// file reader is not used at all.
// Thread safety: searches may run together; add() needs exclusion (AnalogIndex sees to it).
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "retrieval/indexes/byte_stream.h"
#include "retrieval/indexes/intervals.h"
#include "storage/status.h"

namespace skipcast::retrieval {

struct Neighbour {
  int64_t origin = -1;
  float distance = 0;  // squared L2 in embedding space

  bool operator==(const Neighbour&) const = default;
};

struct HnswOptions {
  int32_t links = 32;  // M
  int32_t ef_construction = 200;
  int32_t ef_search = 64;
};

// What an approximate search is to find: `count` of `allowed` rows, when `crowd` forbidden ones may
// lie nearer than any of these.
struct Wanted {
  int64_t count = 0, allowed = 0, crowd = 0;
};

// How it would do so: with this beam, at about the cost of an exact scan over so many rows.
struct Approach {
  int64_t beam = 0;
  double cost = std::numeric_limits<double>::infinity();  // never worth while
};

struct RowsView;  // retrieval/indexes/row_scan.h

class VectorIndex {
 public:
  virtual ~VectorIndex() = default;
  virtual const char* kind() const = 0;  // "flat", "hnsw", "ivfpq"
  virtual int64_t dimension() const = 0;
  virtual std::span<const int64_t> ids() const = 0;
  // The rows as they lie in memory, until the next add(); empty where the kind keeps none.
  virtual RowsView rows() const = 0;
  // ids must be >= 0, increase and exceed all present, else kUsage; vectors[ids.size(),
  // dimension()], all finite, else kBadInput. Nothing is added on failure.
  virtual Status add(std::span<const int64_t> ids, std::span<const float> vectors) = 0;
  // The k nearest whose id lies in `allowed` (increasing, disjoint), nearest first, ties by smaller
  // id. `beam` widens an approximate search beyond its ef_search (ignored by exact ones). May
  // return fewer than k; the planner decides then. kUsage for k < 1 or a query of another size,
  // kBadInput for one that is not finite.
  virtual Result<std::vector<Neighbour>> search(std::span<const float> query, int64_t k,
                                                std::span<const Interval> allowed,
                                                int64_t beam) const = 0;
  // The beam that keeps the recall of an unfiltered search, and its cost; REQUIRES: allowed >= 1.
  virtual Approach approach(const Wanted& wanted) const = 0;
  // Exact, whatever the kind: a scan of the allowed rows.
  virtual Result<std::vector<Neighbour>> search_exact(std::span<const float> query, int64_t k,
                                                      std::span<const Interval> allowed) const = 0;
  // Hands the bytes for the envelope to `sink`, piece by piece, without a copy; load_index() is the
  // inverse. Failures of the sink are returned.
  virtual Status write(const ByteSink& sink) const = 0;
  Result<std::string> serialize() const;  // the same bytes in one string
  // Makes room for rows to come, so that adding them moves nothing.
  virtual void reserve(int64_t rows) = 0;
};

// What an index of `rows` rows takes while rows are added to it, once there is room for them.
int64_t flat_index_bytes(int64_t dimension, int64_t rows);
int64_t hnsw_index_bytes(int64_t dimension, int64_t rows, const HnswOptions& options);
int64_t ivfpq_index_bytes(int64_t dimension, int64_t rows);

std::unique_ptr<VectorIndex> make_flat_index(int64_t dimension);
std::unique_ptr<VectorIndex> make_hnsw_index(int64_t dimension, const HnswOptions& options = {});
std::unique_ptr<VectorIndex> make_ivfpq_index(int64_t dimension);
// Only for bytes whose checksum the envelope verified; checks every length and link all the same.
// kDataLoss when they are not an index of this kind, dimension and number of rows. Reads straight
// into the index: never more than that and a few MiB in memory.
Result<std::unique_ptr<VectorIndex>> load_index(std::string_view kind, ByteSource& source,
                                                int64_t dimension, int64_t rows);
Result<std::unique_ptr<VectorIndex>> load_index(std::string_view kind, std::string_view bytes,
                                                int64_t dimension, int64_t rows);

}  // namespace skipcast::retrieval
