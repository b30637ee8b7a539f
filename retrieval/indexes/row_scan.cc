// FAISS 1.7.3: fvec_L2sqr() is what knn_L2sqr() takes each distance of a single query with, so the
// bits are those of a scan by FAISS; which rows need it is decided here.
#include "retrieval/indexes/row_scan.h"

#include <faiss/utils/distances.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace skipcast::retrieval {
namespace {

constexpr int64_t kBlockRows = LeadingColumns::kBlockRows;
constexpr int64_t kProbeBlocks = 4096 / kBlockRows;  // looked at first, to see what bounds tell
constexpr int64_t kChunkBlocks = 8192 / kBlockRows;  // bounded at once, from then on
constexpr double kShareMax = 0.7;  // of rows that bounds leave over: more and they tell nothing
constexpr int64_t kRangeRowsMin = 4 * kBlockRows;  // shorter ranges are not bounded
constexpr float kSeen = -1;                        // in place of a block's least bound
constexpr float kInfinity = std::numeric_limits<float>::infinity();

bool nearer(const Neighbour& a, const Neighbour& b) {
  return a.distance != b.distance ? a.distance < b.distance : a.origin < b.origin;
}

// The k nearest of what it is offered; up to k more wait to be sorted out.
class Nearest {
 public:
  Nearest(int64_t k, float farthest) : k_(static_cast<size_t>(k)), farthest_(farthest) {
    found_.reserve(2 * k_);
  }

  // Nothing farther than this is among the k nearest.
  float farthest() const { return farthest_; }
  void offer(const Neighbour& candidate) {
    if (candidate.distance > farthest_) return;
    found_.push_back(candidate);
    if (found_.size() == 2 * k_) settle();
  }
  void settle() {
    if (found_.size() < k_) return;
    const auto last = found_.begin() + static_cast<int64_t>(k_) - 1;
    std::nth_element(found_.begin(), last, found_.end(), nearer);
    farthest_ = last->distance;
    found_.resize(k_);
  }
  std::vector<Neighbour> take() && {
    keep_nearest(found_, static_cast<int64_t>(k_));
    return std::move(found_);
  }

 private:
  const size_t k_;
  float farthest_;
  std::vector<Neighbour> found_;
};

// One scan: a query over ranges of rows.
class Scan {
 public:
  Scan(const RowsView& view, const ScanQuery& query, int64_t k)
      : view_(view), query_(query.embedding.data()), k_(k), nearest_(k, query.farthest) {}

  void range(const Interval& rows) {
    const int64_t covered = view_.leading == nullptr ? 0 : view_.leading->rows();
    int64_t begin = (rows.begin + kBlockRows - 1) / kBlockRows;  // whole blocks
    const int64_t end = std::min(rows.end, covered) / kBlockRows;
    if (rows.end - rows.begin < kRangeRowsMin || begin >= end) return plain(rows);
    plain({rows.begin, begin * kBlockRows});
    while (begin < end && telling_) {
      const int64_t count = std::min(probed_ ? kChunkBlocks : kProbeBlocks, end - begin);
      chunk(begin, count);
      begin += count;
    }
    plain({begin * kBlockRows, rows.end});
  }
  std::vector<Neighbour> take() && { return std::move(nearest_).take(); }

 private:
  void row(int64_t row) {
    const float distance = faiss::fvec_L2sqr(query_, view_.vectors + row * view_.dimension,
                                             static_cast<size_t>(view_.dimension));
    nearest_.offer({view_.ids[static_cast<size_t>(row)], distance});
  }
  void plain(const Interval& rows) {
    for (int64_t at = rows.begin; at < rows.end; ++at) row(at);
  }
  // The blocks of a chunk, those first whose bounds promise most while nothing is known yet.
  void chunk(int64_t first, int64_t count) {
    bounds_.resize(static_cast<size_t>(count * kBlockRows));
    least_.resize(static_cast<size_t>(count));
    view_.leading->bound(query_, first, count, {bounds_.data(), least_.data()});
    looked_ = 0;
    if (nearest_.farthest() == kInfinity) seed(first, count);
    for (int64_t block = 0; block < count; ++block) {
      const float least = least_[static_cast<size_t>(block)];
      if (least == kSeen || least > LeadingColumns::reach(nearest_.farthest())) continue;
      look(first, block);
    }
    nearest_.settle();
    probed_ = true;
    telling_ = static_cast<double>(looked_) <= kShareMax * static_cast<double>(count * kBlockRows);
  }
  void seed(int64_t first, int64_t count) {
    const int64_t wanted = std::min(count, k_ / 4 + 4);
    std::vector<int64_t> order(static_cast<size_t>(count));
    for (int64_t block = 0; block < count; ++block) order[static_cast<size_t>(block)] = block;
    std::nth_element(order.begin(), order.begin() + wanted - 1, order.end(),
                     [this](int64_t a, int64_t b) {
                       return least_[static_cast<size_t>(a)] < least_[static_cast<size_t>(b)];
                     });
    for (int64_t i = 0; i < wanted; ++i) {
      const int64_t block = order[static_cast<size_t>(i)];
      look(first, block);
      least_[static_cast<size_t>(block)] = kSeen;
    }
    nearest_.settle();
  }
  void look(int64_t first, int64_t block) {
    const float reach = LeadingColumns::reach(nearest_.farthest());
    for (int64_t at = 0; at < kBlockRows; ++at) {
      if (bounds_[static_cast<size_t>(block * kBlockRows + at)] > reach) continue;
      row((first + block) * kBlockRows + at);
      ++looked_;
    }
  }

  const RowsView& view_;
  const float* const query_;
  const int64_t k_;
  Nearest nearest_;
  bool probed_ = false, telling_ = true;
  int64_t looked_ = 0;  // rows of the last chunk that their bounds did not rule out
  std::vector<float> bounds_, least_;
};

}  // namespace

std::vector<Interval> rows_within(std::span<const int64_t> ids, std::span<const Interval> allowed) {
  const auto row_of = [&](int64_t id) {
    return static_cast<int64_t>(std::lower_bound(ids.begin(), ids.end(), id) - ids.begin());
  };
  std::vector<Interval> rows;
  for (const Interval& interval : allowed) {
    const Interval range{row_of(interval.begin), row_of(interval.end)};
    if (range.begin < range.end) rows.push_back(range);
  }
  return rows;
}

Result<std::vector<Neighbour>> scan_rows(const RowsView& view, std::span<const float> query,
                                         int64_t k, std::span<const Interval> rows) {
  return scan_rows_within(view, {query, k}, rows);
}

Result<std::vector<Neighbour>> scan_rows_within(const RowsView& view, const ScanQuery& query,
                                                std::span<const Interval> rows) {
  const int64_t k = std::min(query.k, total_length(rows));
  if (k < 1) return std::vector<Neighbour>();
  try {
    Scan scan(view, query, k);
    for (const Interval& range : rows) scan.range(range);
    return std::move(scan).take();
  } catch (const std::exception& error) {
    return Status(Code::kIo, fmt::format("the exact search failed: {}", error.what()));
  }
}

Status check_added(const RowsView& present, std::span<const int64_t> ids,
                   std::span<const float> vectors) {
  if (vectors.size() != ids.size() * static_cast<size_t>(present.dimension)) {
    return usage(fmt::format("{} ids came with {} values, not {} each", ids.size(), vectors.size(),
                             present.dimension));
  }
  int64_t last = present.ids.empty() ? -1 : present.ids.back();
  for (const int64_t id : ids) {
    if (id <= last) return usage(fmt::format("id {} follows {}: ids must increase", id, last));
    last = id;
  }
  for (size_t i = 0; i < vectors.size(); ++i) {
    if (std::isfinite(vectors[i])) continue;
    return bad_input(fmt::format("the vector of id {} holds a value that is not finite",
                                 ids[i / static_cast<size_t>(present.dimension)]));
  }
  return Status();
}

Status check_query(int64_t dimension, std::span<const float> query, int64_t k) {
  if (k < 1) return usage(fmt::format("a search for {} neighbours: ask for 1 or more", k));
  if (static_cast<int64_t>(query.size()) != dimension) {
    return usage(fmt::format("a query of {} values meets an index of {}", query.size(), dimension));
  }
  const bool finite =
      std::all_of(query.begin(), query.end(), [](float value) { return std::isfinite(value); });
  return finite ? Status() : bad_input("the query holds a value that is not finite");
}

void keep_nearest(std::vector<Neighbour>& found, int64_t k) {
  std::sort(found.begin(), found.end(), nearer);
  if (static_cast<int64_t>(found.size()) > k) found.resize(static_cast<size_t>(k));
}

}  // namespace skipcast::retrieval
