// Approximate search by FAISS's HNSW graph (Malkov and Yashunin, IEEE TPAMI 42, 2020).
// Tested with FAISS 1.7.3; what that version gets wrong and how it is kept out:
//  - IndexHNSW::search ignores a call's efSearch when it sizes its candidate heap, which is
//    max(index's efSearch, k): a wider beam is therefore asked for as a larger k.
//  - It throws on remove_ids and stacks OpenMP teams: here rows are only added, and the graph is
//    searched in the caller's thread.
//  - A filter does not steer the walk, it only drops results, so few allowed rows mean few
//    results: the planner (analog_index.cc) widens the beam or searches exactly.
//  - Its file reader crashes on damaged bytes: it is never called. The graph's arrays are packed
//    here and every link is checked when they come back.
#include <faiss/IndexHNSW.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/DistanceComputer.h>
#include <faiss/impl/IDSelector.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "retrieval/indexes/index_payload.h"
#include "retrieval/indexes/row_scan.h"

namespace skipcast::retrieval {
namespace {

constexpr int32_t kLinksMax = 512;
constexpr double kLinkNs = 120;  // for each link of a step of a walk, measured at 100,000 rows
constexpr int32_t kBeamMax = 1 << 20;  // a search allocates that many candidates

bool beam_fits(int32_t beam) { return beam >= 1 && beam <= kBeamMax; }

// Rows in increasing, disjoint ranges.
struct RowSelector final : faiss::IDSelector {
  std::span<const Interval> rows;

  explicit RowSelector(std::span<const Interval> ranges) : rows(ranges) {}
  bool is_member(idx_t row) const final {
    for (const Interval& range : rows) {
      if (row < range.end) return row >= range.begin;
    }
    return false;
  }
};

class HnswIndex final : public VectorIndex {
 public:
  HnswIndex(int64_t dimension, const HnswOptions& options)
      : options_(options), faiss_(static_cast<int>(dimension), options.links) {
    SKIPCAST_CHECK(dimension >= 1 && dimension <= std::numeric_limits<int>::max());
    SKIPCAST_CHECK(options.links >= 2 && options.links <= kLinksMax);
    SKIPCAST_CHECK(beam_fits(options.ef_construction) && beam_fits(options.ef_search));
    faiss_.hnsw.efConstruction = options.ef_construction;
    faiss_.hnsw.efSearch = options.ef_search;
  }

  const char* kind() const override { return "hnsw"; }
  int64_t dimension() const override { return faiss_.d; }
  std::span<const int64_t> ids() const override { return ids_; }

  Status add(std::span<const int64_t> ids, std::span<const float> vectors) override {
    SKIPCAST_TRY_OK(check_added(view(), ids, vectors));
    if (ids_.size() + ids.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
      return Status(Code::kUnsupported, "an hnsw index holds at most 2^31 - 1 rows: use flat");
    }
    try {
      faiss_.add(static_cast<int64_t>(ids.size()), vectors.data());
    } catch (const std::exception& error) {
      return io_error(fmt::format("adding to the hnsw index failed: {}", error.what()));
    }
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    lead();
    return Status();
  }

  Result<std::vector<Neighbour>> search(std::span<const float> query, int64_t k,
                                        std::span<const Interval> allowed,
                                        int64_t beam) const override {
    SKIPCAST_TRY_OK(check_query(dimension(), query, k));
    const std::vector<Interval> rows = rows_within(ids_, allowed);
    if (rows.empty()) return std::vector<Neighbour>();
    try {
      return walk(query.data(), k, rows, beam);
    } catch (const std::exception& error) {
      return io_error(fmt::format("the hnsw search failed: {}", error.what()));
    }
  }

  Result<std::vector<Neighbour>> search_exact(std::span<const float> query, int64_t k,
                                              std::span<const Interval> allowed) const override {
    SKIPCAST_TRY_OK(check_query(dimension(), query, k));
    return scan_rows(view(), query, k, rows_within(ids_, allowed));
  }

  // A filter only drops what a walk meets, so the beam grows as the share of allowed rows shrinks.
  RowsView rows() const override { return {}; }

  Approach approach(const Wanted& wanted) const override {
    const double rows = static_cast<double>(faiss_.ntotal);
    const double share = static_cast<double>(wanted.allowed) / rows;
    const int64_t crowd = std::min(faiss_.ntotal - wanted.allowed, wanted.crowd);
    const double beam =
        static_cast<double>(std::max<int64_t>(wanted.count, options_.ef_search) + crowd) / share;
    return {static_cast<int64_t>(std::min(beam, rows)),
            beam * options_.links * kLinkNs / scan_row_ns(view())};
  }

  // After the rows: links, entry point, top level (int32), levels[rows], count of links (int64),
  // links[count].
  Status write(const ByteSink& sink) const override {
    const faiss::HNSW& graph = faiss_.hnsw;
    SKIPCAST_TRY_OK(put_rows(sink, view()));
    for (const int32_t number :
         {options_.links, options_.ef_construction, options_.ef_search,
          static_cast<int32_t>(graph.entry_point), static_cast<int32_t>(graph.max_level)}) {
      SKIPCAST_TRY_OK(put(sink, number));
    }
    SKIPCAST_TRY_OK(put_array(sink, std::span<const int>(graph.levels)));
    SKIPCAST_TRY_OK(put(sink, static_cast<int64_t>(graph.neighbors.size())));
    return put_array(sink, std::span<const faiss::HNSW::storage_idx_t>(graph.neighbors));
  }

  void reserve(int64_t rows) override {
    const size_t count = static_cast<size_t>(rows);
    ids_.reserve(count);
    storage().codes.reserve(count * storage().code_size);
    leading_.reserve(faiss_.d, rows);
    faiss_.hnsw.levels.reserve(count);
    faiss_.hnsw.offsets.reserve(count + 1);
    faiss_.hnsw.neighbors.reserve(count * static_cast<size_t>(2 * options_.links) / 32 * 33);
  }

  // The inverse of write() after ids, vectors and options, for an index still empty.
  Status read_graph(ByteSource& source, std::vector<int64_t> ids, std::vector<uint8_t> vectors);

 private:
  faiss::IndexFlat& storage() const { return *static_cast<faiss::IndexFlat*>(faiss_.storage); }
  RowsView view() const { return {ids_, storage().get_xb(), dimension(), &leading_}; }
  void lead() { leading_.follow(storage().get_xb(), faiss_.d, static_cast<int64_t>(ids_.size())); }

  std::vector<Neighbour> walk(const float* query, int64_t k, std::span<const Interval> rows,
                              int64_t beam) const {
    const int64_t ef = std::clamp<int64_t>(beam, options_.ef_search,
                                           std::max<int64_t>(options_.ef_search, faiss_.ntotal));
    const int64_t want = std::min(ef > options_.ef_search ? std::max(k, ef) : k, faiss_.ntotal);
    RowSelector selector(rows);
    faiss::SearchParametersHNSW parameters;
    parameters.efSearch = static_cast<int>(std::max(ef, want));
    const bool all = rows.size() == 1 && rows[0].end - rows[0].begin == faiss_.ntotal;
    parameters.sel = all ? nullptr : &selector;
    const std::unique_ptr<faiss::DistanceComputer> computer(
        faiss_.storage->get_distance_computer());
    computer->set_query(query);
    std::vector<float> distances(static_cast<size_t>(want), std::numeric_limits<float>::max());
    std::vector<int64_t> labels(static_cast<size_t>(want), -1);
    faiss::VisitedTable visited(static_cast<int>(faiss_.ntotal));
    faiss_.hnsw.search(*computer, static_cast<int>(want), labels.data(), distances.data(), visited,
                       &parameters);
    std::vector<Neighbour> found;
    for (size_t i = 0; i < labels.size(); ++i) {
      if (labels[i] >= 0) found.push_back({ids_[static_cast<size_t>(labels[i])], distances[i]});
    }
    keep_nearest(found, k);
    return found;
  }

  const HnswOptions options_;
  faiss::IndexHNSWFlat faiss_;
  std::vector<int64_t> ids_;
  LeadingColumns leading_;
};

// Every link of a row points at a row that lives on the link's level, or at none.
bool links_fit(const faiss::HNSW& graph, int64_t rows, int64_t row) {
  const int levels = graph.levels[static_cast<size_t>(row)];
  for (int level = 0; level < levels; ++level) {
    size_t begin, end;
    graph.neighbor_range(row, level, &begin, &end);
    for (size_t i = begin; i < end; ++i) {
      const int32_t link = graph.neighbors[i];
      if (link < -1 || link >= rows) return false;
      if (link >= 0 && graph.levels[static_cast<size_t>(link)] <= level) return false;
    }
  }
  return true;
}

Status check_graph(const faiss::HNSW& graph, int64_t rows) {
  const bool entered = graph.entry_point >= 0 && graph.entry_point < rows;
  if (rows == 0 ? graph.entry_point != -1 : !entered) {
    return data_loss("the hnsw index's entry point is no row");
  }
  if (entered && graph.levels[static_cast<size_t>(graph.entry_point)] != graph.max_level + 1) {
    return data_loss("the hnsw index's entry point is not on the top level");
  }
  for (int64_t row = 0; row < rows; ++row) {
    if (!links_fit(graph, rows, row)) {
      return data_loss(fmt::format("the hnsw index's links of row {} point astray", row));
    }
  }
  return Status();
}

Status HnswIndex::read_graph(ByteSource& source, std::vector<int64_t> ids,
                             std::vector<uint8_t> vectors) {
  faiss::HNSW& graph = faiss_.hnsw;
  const int64_t rows = static_cast<int64_t>(ids.size());
  int32_t entry_point = -1, max_level = -1;
  int64_t links = -1;
  SKIPCAST_TRY_OK(take(source, entry_point));
  SKIPCAST_TRY_OK(take(source, max_level));
  SKIPCAST_TRY_OK(take_array(source, rows, graph.levels));
  SKIPCAST_TRY_OK(take(source, links));
  SKIPCAST_TRY_OK(take_array(source, links, graph.neighbors));
  const int levels_max = static_cast<int>(graph.cum_nneighbor_per_level.size()) - 1;
  graph.offsets.assign(1, 0);
  for (const int levels : graph.levels) {
    if (levels < 1 || levels > levels_max || levels - 1 > max_level) {
      return data_loss("the hnsw index's levels are out of range");
    }
    graph.offsets.push_back(graph.offsets.back() +
                            static_cast<size_t>(graph.cum_nb_neighbors(levels)));
  }
  if (graph.offsets.back() != graph.neighbors.size() || source.remaining() != 0) {
    return data_loss("the hnsw index's links do not fit its levels");
  }
  graph.entry_point = entry_point;
  graph.max_level = max_level;
  SKIPCAST_TRY_OK(check_graph(graph, rows));
  storage().codes = std::move(vectors);
  storage().ntotal = rows;
  faiss_.ntotal = rows;
  ids_ = std::move(ids);
  lead();
  const RowsView rows_read = view();
  return check_vectors({rows_read.vectors, ids_.size() * static_cast<size_t>(faiss_.d)});
}

}  // namespace

// Beside id and vector a level, an offset, links on the lowest level and, a few per cent of them,
// above; while rows are added a lock and two marks, too.
int64_t hnsw_index_bytes(int64_t dimension, int64_t rows, const HnswOptions& options) {
  const int64_t links = int64_t{2} * options.links * 33 / 32 * 4;
  return flat_index_bytes(dimension, rows) + rows * (4 + 8 + links + 8 + 2);
}

std::unique_ptr<VectorIndex> make_hnsw_index(int64_t dimension, const HnswOptions& options) {
  return std::make_unique<HnswIndex>(dimension, options);
}

Result<std::unique_ptr<VectorIndex>> load_hnsw_index(ByteSource& source, const RowCounts& wanted) {
  std::vector<int64_t> ids;
  std::vector<uint8_t> vectors;  // as FAISS keeps them
  SKIPCAST_TRY_OK(take_ids(source, wanted, ids));
  SKIPCAST_TRY_OK(take_array(source, wanted.rows * wanted.dimension * 4, vectors));
  HnswOptions options;
  SKIPCAST_TRY_OK(take(source, options.links));
  SKIPCAST_TRY_OK(take(source, options.ef_construction));
  SKIPCAST_TRY_OK(take(source, options.ef_search));
  const bool sane = options.links >= 2 && options.links <= kLinksMax &&
                    beam_fits(options.ef_construction) && beam_fits(options.ef_search);
  if (!sane) return data_loss("the hnsw index's options are out of range");
  auto index = std::make_unique<HnswIndex>(wanted.dimension, options);
  SKIPCAST_TRY_OK(index->read_graph(source, std::move(ids), std::move(vectors)));
  return std::unique_ptr<VectorIndex>(std::move(index));
}

}  // namespace skipcast::retrieval
