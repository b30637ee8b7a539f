// FAISS 1.7.3: knn_L2sqr() on one query is a sequential scan whose heap breaks ties by smaller
// row, except that the reservoir it uses from k = 100 on keeps an arbitrary one of those that tie
// at the cut. One row more is asked for to see such a tie, which a plain scan then settles.
#include "retrieval/row_scan.h"

#include <faiss/utils/distances.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace skipcast::retrieval {
namespace {

void push_found(const RowsView& view, int64_t first_row, std::span<const float> distances,
                std::span<const int64_t> labels, std::vector<Neighbour>& found) {
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0) continue;
    found.push_back({view.ids[static_cast<size_t>(first_row + labels[i])], distances[i]});
  }
}

// All ranges by FAISS, the `want` nearest of each.
std::vector<Neighbour> scan_all(const RowsView& view, const float* query, int64_t want,
                                std::span<const Interval> rows) {
  std::vector<Neighbour> found;
  std::vector<float> distances;
  std::vector<int64_t> labels;
  for (const Interval& range : rows) {
    const int64_t k = std::min(want, range.end - range.begin);
    distances.assign(static_cast<size_t>(k), 0);
    labels.assign(static_cast<size_t>(k), -1);
    faiss::knn_L2sqr(query, view.vectors + range.begin * view.dimension,
                     static_cast<size_t>(view.dimension), 1,
                     static_cast<size_t>(range.end - range.begin), static_cast<size_t>(k),
                     distances.data(), labels.data());
    push_found(view, range.begin, distances, labels, found);
  }
  return found;
}

// Every row not farther than `farthest`: for ties at the cut.
std::vector<Neighbour> rows_up_to(const RowsView& view, const float* query, float farthest,
                                  std::span<const Interval> rows) {
  std::vector<Neighbour> found;
  for (const Interval& range : rows) {
    for (int64_t row = range.begin; row < range.end; ++row) {
      const float distance =
          faiss::fvec_L2sqr(query, view.vectors + row * view.dimension,
                            static_cast<size_t>(view.dimension));
      if (distance <= farthest) found.push_back({view.ids[static_cast<size_t>(row)], distance});
    }
  }
  return found;
}

}  // namespace

std::vector<Interval> rows_within(std::span<const int64_t> ids,
                                  std::span<const Interval> allowed) {
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
  const int64_t allowed = total_length(rows);
  k = std::min(k, allowed);
  std::vector<Neighbour> found;
  if (k < 1) return found;
  try {
    found = scan_all(view, query.data(), std::min(k + 1, allowed), rows);
    keep_nearest(found, k + 1);
    const size_t cut = static_cast<size_t>(k);
    if (found.size() > cut && found[cut].distance == found[cut - 1].distance) {
      found = rows_up_to(view, query.data(), found[cut].distance, rows);
    }
  } catch (const std::exception& error) {
    return Status(Code::kIo, fmt::format("the exact search failed: {}", error.what()));
  }
  keep_nearest(found, k);
  return found;
}

Status check_added(const RowsView& present, std::span<const int64_t> ids,
                   std::span<const float> vectors) {
  if (vectors.size() != ids.size() * static_cast<size_t>(present.dimension)) {
    return usage(fmt::format("{} ids came with {} values, not {} each", ids.size(),
                             vectors.size(), present.dimension));
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
  std::sort(found.begin(), found.end(), [](const Neighbour& a, const Neighbour& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.origin < b.origin;
  });
  if (static_cast<int64_t>(found.size()) > k) found.resize(static_cast<size_t>(k));
}

}  // namespace skipcast::retrieval
