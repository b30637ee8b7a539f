// Approximate search by FAISS's inverted lists of product-quantised residuals (Jégou, Douze and
// Schmid, IEEE TPAMI 33, 2011), whose candidates are ranked by the vectors themselves: distances
// are exact, only which rows are looked at is not. Until kRowsMin rows and those that reserve()
// announced are there it is a flat index; then it is trained, once, from a fixed seed and rows
// evenly spread, and later rows are only added.
// Tested with FAISS 1.7.3. Kept out are search() and its global counters: lists are scanned here,
// on the caller's thread, and of each, since its rows increase, only what the filter lets by. And
// the file reader, which takes damaged bytes for good: centroids, codebooks, assignments and
// codes are packed here and checked when they come back.
#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/utils/Heap.h>
#include <faiss/utils/distances.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "retrieval/indexes/index_payload.h"
#include "retrieval/indexes/stored_rows.h"

namespace skipcast::retrieval {
namespace {

constexpr int64_t kRowsMin = 20000;      // fewer are scanned as fast
constexpr int64_t kListsMax = 1 << 16;   // in a file
constexpr int64_t kListsTrained = 8192;  // at most
constexpr int64_t kRowsPerList = 32;     // trained on
constexpr int kRounds = 8;               // of k-means
constexpr int kSeed = 1234;
constexpr int64_t kAddedAtOnce = 1 << 15;
constexpr int64_t kProbesMin = 40;      // lists looked at when nothing is forbidden
constexpr int64_t kListsPerProbe = 64;  // one list in so many, at least

int64_t lists_for(int64_t rows) {
  int64_t lists = 64;
  while (lists * lists < 8 * rows && lists < kListsTrained) lists *= 2;
  return lists;
}

// Values that share a byte of code: 4, or what divides the dimension.
int64_t code_bytes(int64_t dimension) {
  for (const int64_t values : {4, 5, 3, 2}) {
    if (dimension % values == 0) return dimension / values;
  }
  return dimension;
}

class IvfpqIndex final : public VectorIndex {
 public:
  explicit IvfpqIndex(int64_t dimension) : dimension_(dimension), rows_(dimension) {
    SKIPCAST_CHECK(dimension >= 1 && dimension <= std::numeric_limits<int>::max());
  }

  const char* kind() const override { return "ivfpq"; }
  int64_t dimension() const override { return dimension_; }
  std::span<const int64_t> ids() const override { return rows_.ids(); }
  RowsView rows() const override { return rows_.view(); }

  Status add(std::span<const int64_t> ids, std::span<const float> vectors) override {
    SKIPCAST_TRY_OK(rows_.add(ids, vectors));
    if (!lists_ && (size() < kRowsMin || size() < expected_)) return Status();
    try {
      if (!lists_) train();
      list_rows();
    } catch (const std::exception&) {  // out of memory: a flat index from now on
      lists_.reset();
      quantizer_.reset();
      expected_ = std::numeric_limits<int64_t>::max();
    }
    return Status();
  }

  Result<std::vector<Neighbour>> search(std::span<const float> query, int64_t k,
                                        std::span<const Interval> allowed,
                                        int64_t beam) const override {
    SKIPCAST_TRY_OK(check_query(dimension_, query, k));
    const std::vector<Interval> allowed_rows = rows_within(ids(), allowed);
    if (!lists_ || allowed_rows.empty()) return scan_rows(rows_.view(), query, k, allowed_rows);
    try {
      return probe(query.data(), k, allowed_rows, std::max(beam, default_beam(k)));
    } catch (const std::exception& error) {
      return io_error(fmt::format("the ivfpq search failed: {}", error.what()));
    }
  }

  Result<std::vector<Neighbour>> search_exact(std::span<const float> query, int64_t k,
                                              std::span<const Interval> allowed) const override {
    SKIPCAST_TRY_OK(check_query(dimension_, query, k));
    return scan_rows(rows_.view(), query, k, rows_within(ids(), allowed));
  }

  // Lists as many more as rows are forbidden, for those near the query may hold none allowed. The
  // beam is the candidates ranked, for a tenth of the lists' share each.
  Approach approach(const Wanted& wanted) const override {
    if (!lists_) return {};
    const double share = static_cast<double>(wanted.allowed) / static_cast<double>(size());
    const double lists = static_cast<double>(lists_->nlist);
    const double probes = std::min(lists, static_cast<double>(probes_min()) / share);
    const double scanned = probes / lists * static_cast<double>(wanted.allowed);
    const int64_t beam =
        std::max(default_beam(wanted.count), static_cast<int64_t>(probes) * kCandidatesPerProbe);
    const double ns = lists * kCentroidNs + probes * kListNs + scanned * kCodeNs +
                      static_cast<double>(candidates(beam, wanted.count)) * kCandidateNs;
    return {beam, ns / scan_row_ns(rows_.view())};
  }

  // After the rows: lists, bytes of a code (int32; 0 lists: not trained, nothing follows),
  // centroids[lists, dimension], codebooks[256, dimension], list[rows] (int32), codes[rows, bytes].
  Status write(const ByteSink& sink) const override;
  Status read(ByteSource& source, int64_t rows);

  void reserve(int64_t rows) override {
    expected_ = rows;
    rows_.reserve(rows);
  }

 private:
  // How long each step takes, measured at 100,000 rows of 64 values.
  static constexpr double kCentroidNs = 40, kListNs = 3000, kCodeNs = 20, kCandidateNs = 130;
  static constexpr int64_t kCandidatesPerProbe = 4;  // a beam says how many lists, too

  int64_t size() const { return rows_.size(); }
  int64_t probes_min() const {
    return std::min<int64_t>(
        static_cast<int64_t>(lists_->nlist),
        std::max(kProbesMin, static_cast<int64_t>(lists_->nlist) / kListsPerProbe));
  }
  int64_t default_beam(int64_t k) const {
    return std::max(probes_min() * kCandidatesPerProbe, (k + 1) / 2);
  }
  static int64_t candidates(int64_t beam, int64_t k) {
    return std::clamp<int64_t>(beam, 16 * k, 4096 + 16 * k);
  }
  void make_lists(int64_t lists, int64_t bytes);
  void train();
  void list_rows();
  std::vector<int64_t> nearest_lists(const float* query, int64_t count,
                                     std::vector<float>& distances) const;
  std::vector<Neighbour> probe(const float* query, int64_t k, std::span<const Interval> allowed,
                               int64_t beam) const;
  Status read_lists(ByteSource& source, int32_t lists, int32_t bytes);

  const int64_t dimension_;
  int64_t expected_ = 0;
  StoredRows rows_;
  std::unique_ptr<faiss::IndexFlatL2> quantizer_;
  std::unique_ptr<faiss::IndexIVFPQ> lists_;  // null: not trained yet
};

void IvfpqIndex::make_lists(int64_t lists, int64_t bytes) {
  quantizer_ = std::make_unique<faiss::IndexFlatL2>(dimension_);
  lists_ = std::make_unique<faiss::IndexIVFPQ>(quantizer_.get(), static_cast<size_t>(dimension_),
                                               static_cast<size_t>(lists),
                                               static_cast<size_t>(bytes), 8);
  lists_->cp.niter = kRounds;
  lists_->cp.seed = kSeed;
  lists_->cp.min_points_per_centroid = 1;
  lists_->pq.cp.seed = kSeed;
  lists_->pq.cp.niter = kRounds;
  lists_->pq.cp.min_points_per_centroid = 1;
}

void IvfpqIndex::train() {
  const int64_t lists = lists_for(std::max(size(), expected_));
  make_lists(lists, code_bytes(dimension_));
  const int64_t sample = std::min(size(), lists * kRowsPerList);
  std::vector<float> values;
  values.reserve(static_cast<size_t>(sample * dimension_));
  for (int64_t i = 0; i < sample; ++i) {
    const float* const row = rows_.row(i * size() / sample);
    values.insert(values.end(), row, row + dimension_);
  }
  lists_->train(sample, values.data());
  lists_->precompute_table();
}

// Puts the rows that are new into their lists.
void IvfpqIndex::list_rows() {
  while (lists_->ntotal < size()) {
    const int64_t count = std::min(kAddedAtOnce, size() - lists_->ntotal);
    lists_->add(count, rows_.row(lists_->ntotal));
  }
}

// The `count` lists whose centroids are nearest, and the distances of all.
std::vector<int64_t> IvfpqIndex::nearest_lists(const float* query, int64_t count,
                                               std::vector<float>& distances) const {
  distances.resize(lists_->nlist);
  faiss::fvec_L2sqr_ny(distances.data(), query, quantizer_->get_xb(),
                       static_cast<size_t>(dimension_), lists_->nlist);
  std::vector<int64_t> order(lists_->nlist);
  std::iota(order.begin(), order.end(), 0);
  std::nth_element(order.begin(), order.begin() + count - 1, order.end(),
                   [&](int64_t a, int64_t b) {
                     const float da = distances[static_cast<size_t>(a)];
                     const float db = distances[static_cast<size_t>(b)];
                     return da != db ? da < db : a < b;
                   });
  order.resize(static_cast<size_t>(count));
  return order;
}

std::vector<Neighbour> IvfpqIndex::probe(const float* query, int64_t k,
                                         std::span<const Interval> allowed, int64_t beam) const {
  const int64_t probes =
      std::min<int64_t>(static_cast<int64_t>(lists_->nlist), beam / kCandidatesPerProbe);
  const size_t want = static_cast<size_t>(std::min(candidates(beam, k), size()));
  std::vector<float> coarse, distances(want);
  std::vector<int64_t> labels(want);
  faiss::maxheap_heapify(want, distances.data(), labels.data());
  const std::unique_ptr<faiss::InvertedListScanner> scanner(
      lists_->get_InvertedListScanner(false, nullptr));
  scanner->set_query(query);
  for (const int64_t list : nearest_lists(query, std::max<int64_t>(1, probes), coarse)) {
    const size_t number = static_cast<size_t>(list), size = lists_->invlists->list_size(number);
    if (size == 0) continue;
    const int64_t* members = lists_->invlists->get_ids(number);
    const uint8_t* codes = lists_->invlists->get_codes(number);
    scanner->set_list(list, coarse[number]);
    for (const Interval& range : rows_within({members, size}, allowed)) {
      scanner->scan_codes(static_cast<size_t>(range.end - range.begin),
                          codes + static_cast<size_t>(range.begin) * lists_->code_size,
                          members + range.begin, distances.data(), labels.data(), want);
    }
  }
  std::vector<Neighbour> found;
  for (const int64_t row : labels) {
    if (row < 0) continue;
    const float distance =
        faiss::fvec_L2sqr(query, rows_.row(row), static_cast<size_t>(dimension_));
    found.push_back({ids()[static_cast<size_t>(row)], distance});
  }
  keep_nearest(found, k);
  return found;
}

Status IvfpqIndex::write(const ByteSink& sink) const {
  SKIPCAST_TRY_OK(put_rows(sink, rows_.view()));
  SKIPCAST_TRY_OK(put(sink, lists_ ? static_cast<int32_t>(lists_->nlist) : 0));
  SKIPCAST_TRY_OK(put(sink, lists_ ? static_cast<int32_t>(lists_->code_size) : 0));
  if (!lists_) return Status();
  const size_t centroids = lists_->nlist * static_cast<size_t>(dimension_);
  SKIPCAST_TRY_OK(put_array(sink, std::span<const float>(quantizer_->get_xb(), centroids)));
  SKIPCAST_TRY_OK(put_array(sink, std::span<const float>(lists_->pq.centroids)));
  std::vector<int32_t> list_of(ids().size());
  std::vector<uint32_t> place(ids().size());  // within its list
  for (size_t list = 0; list < lists_->nlist; ++list) {
    const int64_t* members = lists_->invlists->get_ids(list);
    for (size_t i = 0; i < lists_->invlists->list_size(list); ++i) {
      list_of[static_cast<size_t>(members[i])] = static_cast<int32_t>(list);
      place[static_cast<size_t>(members[i])] = static_cast<uint32_t>(i);
    }
  }
  SKIPCAST_TRY_OK(put_array(sink, std::span<const int32_t>(list_of)));
  std::vector<uint8_t> codes;
  for (size_t row = 0; row < ids().size(); ++row) {
    const uint8_t* code = lists_->invlists->get_codes(static_cast<size_t>(list_of[row])) +
                          place[row] * lists_->code_size;
    codes.insert(codes.end(), code, code + lists_->code_size);
    if (codes.size() < (size_t{1} << 20) && row + 1 < ids().size()) continue;
    SKIPCAST_TRY_OK(put_array(sink, std::span<const uint8_t>(codes)));
    codes.clear();
  }
  return Status();
}

Status IvfpqIndex::read(ByteSource& source, int64_t rows) {
  int32_t lists = -1, bytes = -1;
  SKIPCAST_TRY_OK(rows_.read(source, rows));
  SKIPCAST_TRY_OK(take(source, lists));
  SKIPCAST_TRY_OK(take(source, bytes));
  if (lists != 0) {
    if (lists < 1 || lists > kListsMax || bytes < 1 || dimension_ % bytes != 0) {
      return data_loss("the ivfpq index's lists or codes are out of range");
    }
    SKIPCAST_TRY_OK(read_lists(source, lists, bytes));
  }
  return source.remaining() == 0 ? Status()
                                 : data_loss("the ivfpq index holds bytes beyond its lists");
}

Status IvfpqIndex::read_lists(ByteSource& source, int32_t lists, int32_t bytes) {
  std::vector<float> centroids, codebooks;
  std::vector<int32_t> list_of;
  SKIPCAST_TRY_OK(take_array(source, lists * dimension_, centroids));
  SKIPCAST_TRY_OK(take_array(source, 256 * dimension_, codebooks));
  SKIPCAST_TRY_OK(take_array(source, size(), list_of));
  SKIPCAST_TRY_OK(check_vectors(centroids));
  SKIPCAST_TRY_OK(check_vectors(codebooks));
  const auto [least, most] = std::minmax_element(list_of.begin(), list_of.end());
  if (!list_of.empty() && (*least < 0 || *most >= lists)) {
    return data_loss("the ivfpq index's rows point astray");
  }
  if (static_cast<uint64_t>(size()) > source.remaining() / static_cast<uint64_t>(bytes)) {
    return data_loss("the index is shorter than its counts say");
  }
  try {
    make_lists(lists, bytes);
    quantizer_->add(lists, centroids.data());
    lists_->pq.centroids = std::move(codebooks);
    lists_->is_trained = true;
    lists_->precompute_table();
    std::vector<char> code(static_cast<size_t>(bytes));
    for (int64_t row = 0; row < size(); ++row) {
      SKIPCAST_TRY_OK(source.read(code));
      lists_->invlists->add_entry(static_cast<size_t>(list_of[static_cast<size_t>(row)]), row,
                                  reinterpret_cast<const uint8_t*>(code.data()));
    }
    lists_->ntotal = size();
  } catch (const std::exception& error) {
    return io_error(fmt::format("loading the ivfpq index failed: {}", error.what()));
  }
  return Status();
}

}  // namespace

// Beside what a flat one takes: a code and a row number in a list that grows by doubling; the
// centroids and FAISS's table of them by codebooks; the rows it is trained on.
int64_t ivfpq_index_bytes(int64_t dimension, int64_t rows) {
  const int64_t bytes = flat_index_bytes(dimension, rows);
  if (rows < kRowsMin) return bytes;
  const int64_t lists = lists_for(rows), code = code_bytes(dimension);
  return bytes + rows * (code + 8) * 3 / 2 +
         lists * (4 * dimension * (1 + kRowsPerList) + 1024 * code) + 16 * kAddedAtOnce * dimension;
}

std::unique_ptr<VectorIndex> make_ivfpq_index(int64_t dimension) {
  return std::make_unique<IvfpqIndex>(dimension);
}

Result<std::unique_ptr<VectorIndex>> load_ivfpq_index(ByteSource& source, const RowCounts& wanted) {
  if (wanted.dimension < 1) return data_loss("an index of vectors without values");
  auto index = std::make_unique<IvfpqIndex>(wanted.dimension);
  SKIPCAST_TRY_OK(index->read(source, wanted.rows));
  return std::unique_ptr<VectorIndex>(std::move(index));
}

}  // namespace skipcast::retrieval
