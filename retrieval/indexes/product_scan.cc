// |q - r|^2 = |q|^2 + 2 (|r|^2 / 2 - q r), and q r of all queries and rows is a matrix product.
// Of n values, with u = 2^-24 and g = n u / (1 - n u), the product is off by at most g |q| |r| in
// any order of summation (Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition,
// section 3.5), |r|^2 by g |r|^2, and fvec_L2sqr()'s distance by (g + 3 u) |q - r|^2: in all less
// than 4.1 (n + 16) u (|q|^2 + |r|^2). FAISS 1.7.3.
#include "retrieval/indexes/product_scan.h"

#include <faiss/utils/distances.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

extern "C" int sgemm_(const char* of_a, const char* of_b, const int* m, const int* n, const int* k,
                      const float* alpha, const float* a, const int* a_step, const float* b,
                      const int* b_step, const float* beta, float* c, const int* c_step);

namespace skipcast::retrieval {
namespace {

constexpr int64_t kBlockRows = 1024;  // as FAISS takes at once
constexpr int64_t kStrideRows = 64;   // looked at more closely if one of them may be near
constexpr int64_t kPoolMin = 128;     // candidates before the first are sorted out
constexpr int64_t kPoolMax = 8192;    // candidates left then: more and the product tells nothing
constexpr float kNormMax = 1e37f;     // squared: sums of larger ones may overflow
constexpr float kTiny = 1e-33f;       // above what underflow loses
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Status failed(const std::exception& error) {
  return {Code::kIo, fmt::format("the search of many queries failed: {}", error.what())};
}

// A row that may be among the nearest. Its distance is |q|^2 + 2 v, with v in [low, high] but for
// the query's own error.
struct Candidate {
  float low, high;
  int64_t row;
};

// What is known of a query's neighbours.
struct Shortlist {
  const ProductQuery* query = nullptr;
  float error = 0;        // that the query adds to v
  float bar = kInfinity;  // rows whose low exceeds it are not among the nearest
  size_t full = 0;        // sorts candidates out when there are so many
  size_t range = 0;       // of the query's rows: the first that does not end before the block
  bool given_up = false;
  std::vector<Candidate> pool;

  // Lowers the bar: for k rows v <= high + error, so a row whose low - error exceeds that is not
  // among the nearest.
  void settle(int64_t k) {
    const auto last = pool.begin() + k - 1;
    std::nth_element(pool.begin(), last, pool.end(),
                     [](const Candidate& a, const Candidate& b) { return a.high < b.high; });
    bar = last->high + 2 * error + kTiny;
    std::erase_if(pool, [this](const Candidate& one) { return one.low > bar; });
    given_up = pool.size() > kPoolMax;
    full = std::max(full, 2 * pool.size());
  }
};

// A block of rows: |r|^2 / 2 less its error, twice that error, and q r of one query.
struct Block {
  Interval rows;
  const float* low;
  const float* twice_error;
  const float* products;
};

class ProductScan {
 public:
  ProductScan(const RowsView& view, std::span<const ProductQuery> queries, int64_t k)
      : view_(view), k_(k), share_(4.1f * (static_cast<float>(view.dimension) + 16) * 0x1p-24f) {
    for (const ProductQuery& query : queries) {
      Shortlist list{&query};
      const float square = faiss::fvec_norm_L2sqr(query.embedding.data(), query.embedding.size());
      list.given_up = !(square < kNormMax);
      list.error = share_ * square / 2;
      list.full = static_cast<size_t>(std::max(2 * k, kPoolMin));
      lists_.push_back(std::move(list));
    }
  }

  Result<std::vector<std::vector<Neighbour>>> run() {
    const auto rows = static_cast<int64_t>(view_.ids.size());
    for (int64_t begin = 0; begin < rows; begin += kBlockRows) {
      block({begin, std::min(rows, begin + kBlockRows)});
    }
    std::vector<std::vector<Neighbour>> found(lists_.size());
    std::vector<Status> statuses(lists_.size());
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < lists_.size(); ++i) statuses[i] = rank(lists_[i], found[i]);
    for (const Status& status : statuses) SKIPCAST_TRY_OK(Status(status));
    return found;
  }

 private:
  // The queries that may see some of these rows and are not given up.
  std::vector<Shortlist*> seeing(const Interval& rows) {
    std::vector<Shortlist*> seeing;
    for (Shortlist& list : lists_) {
      const std::vector<Interval>& ranges = list.query->rows;
      while (list.range < ranges.size() && ranges[list.range].end <= rows.begin) ++list.range;
      if (list.given_up || list.range == ranges.size()) continue;
      if (ranges[list.range].begin < rows.end) seeing.push_back(&list);
    }
    return seeing;
  }

  void block(const Interval& rows) {
    const std::vector<Shortlist*> lists = seeing(rows);
    if (lists.empty()) return;
    const int64_t count = rows.end - rows.begin;
    const auto width = static_cast<size_t>(view_.dimension);
    low_.resize(static_cast<size_t>(count));
    twice_error_.resize(low_.size());
    faiss::fvec_norms_L2sqr(low_.data(), view_.vectors + rows.begin * view_.dimension, width,
                            low_.size());
    if (!(*std::max_element(low_.begin(), low_.end()) < kNormMax)) {
      for (Shortlist* list : lists) list->given_up = true;
      return;
    }
    for (size_t i = 0; i < low_.size(); ++i) {
      twice_error_[i] = share_ * low_[i];
      low_[i] = low_[i] / 2 - twice_error_[i] / 2;
    }
    multiply(rows, lists);
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < lists.size(); ++i) {
      const float* products = products_.data() + i * low_.size();
      look({rows, low_.data(), twice_error_.data(), products}, *lists[i]);
    }
  }

  // products_[lists, rows]
  void multiply(const Interval& rows, const std::vector<Shortlist*>& lists) {
    packed_.clear();
    for (const Shortlist* list : lists) {
      packed_.insert(packed_.end(), list->query->embedding.begin(), list->query->embedding.end());
    }
    const int count = static_cast<int>(rows.end - rows.begin);
    const int wanted = static_cast<int>(lists.size()), width = static_cast<int>(view_.dimension);
    products_.resize(low_.size() * lists.size());
    const float one = 1, zero = 0;
    sgemm_("T", "N", &count, &wanted, &width, &one, view_.vectors + rows.begin * view_.dimension,
           &width, packed_.data(), &width, &zero, products_.data(), &count);
  }

  // What has no memory is scanned, which says so.
  void look(const Block& block, Shortlist& list) const {
    try {
      look_within(block, list);
    } catch (const std::exception&) {
      list.given_up = true;
    }
  }
  void look_within(const Block& block, Shortlist& list) const {
    const std::vector<Interval>& ranges = list.query->rows;
    for (size_t i = list.range; i < ranges.size() && ranges[i].begin < block.rows.end; ++i) {
      const int64_t begin = std::max(ranges[i].begin, block.rows.begin) - block.rows.begin;
      const int64_t end = std::min(ranges[i].end, block.rows.end) - block.rows.begin;
      for (int64_t at = begin; at < end && !list.given_up; at += kStrideRows) {
        stride(block, {at, std::min(end, at + kStrideRows)}, list);
      }
    }
  }
  void stride(const Block& block, const Interval& part, Shortlist& list) const {
    int near = 0;
    const float bar = list.bar;
    for (int64_t at = part.begin; at < part.end; ++at) {
      near += block.low[at] - block.products[at] <= bar;
    }
    for (int64_t at = part.begin; at < part.end && near > 0; ++at) {
      const float low = block.low[at] - block.products[at];
      if (low > list.bar) continue;
      list.pool.push_back({low, low + block.twice_error[at], block.rows.begin + at});
      if (list.pool.size() >= list.full) list.settle(k_);
    }
  }

  Status rank(Shortlist& list, std::vector<Neighbour>& found) const {
    try {
      const ProductQuery& query = *list.query;
      RowsView view = view_;
      std::vector<Interval> rows;
      if (!list.given_up) {
        view.leading = nullptr;  // for long scans
        rows = shortlisted(list);
      }
      SKIPCAST_TRY(found, scan_rows(view, query.embedding, k_, list.given_up ? query.rows : rows));
      return {};
    } catch (const std::exception& error) {
      return failed(error);
    }
  }
  std::vector<Interval> shortlisted(Shortlist& list) const {
    if (static_cast<int64_t>(list.pool.size()) > k_) list.settle(k_);
    std::vector<Interval> rows;
    for (const Candidate& one : list.pool) rows.push_back({one.row, one.row + 1});
    std::sort(rows.begin(), rows.end(),
              [](const Interval& a, const Interval& b) { return a.begin < b.begin; });
    return rows;
  }

  const RowsView& view_;
  const int64_t k_;
  const float share_;  // of the squared norms: the error
  std::vector<Shortlist> lists_;
  std::vector<float> low_, twice_error_, packed_, products_;
};

}  // namespace

Result<std::vector<std::vector<Neighbour>>> scan_product(const RowsView& view,
                                                         std::span<const ProductQuery> queries,
                                                         int64_t k) {
  SKIPCAST_CHECK(k >= 1 && k <= kProductNeighboursMax);
  for (const ProductQuery& query : queries) {
    SKIPCAST_TRY_OK(check_query(view.dimension, query.embedding, k));
  }
  try {
    return ProductScan(view, queries, k).run();
  } catch (const std::exception& error) {
    return failed(error);
  }
}

}  // namespace skipcast::retrieval
