#include "retrieval/search/search_planner.h"

#include <algorithm>
#include <set>

#include "retrieval/indexes/row_scan.h"

namespace skipcast::retrieval {
namespace {

constexpr int64_t kFactor = 4;  // from one round to the next

// Neighbours fetched for each wanted, in the first round.
int64_t first_factor(const SearchOptions& options) { return options.separation > 1 ? 2 : 1; }

// What one search fetches and how.
struct Fetch {
  int64_t count;
  const char* method;
  int64_t beam;
};

Fetch plan_fetch(const VectorIndex& index, const Wanted& wanted) {
  if (wanted.allowed == 0) return {0, "exact", 0};
  const Approach approach = index.approach(wanted);
  if (approach.cost >= static_cast<double>(wanted.allowed)) return {wanted.count, "exact", 0};
  const bool all = wanted.allowed == static_cast<int64_t>(index.ids().size());
  return {wanted.count, all ? "ann" : "ann-wide", approach.beam};
}

Result<std::vector<Neighbour>> run_fetch(const VectorIndex& index, const Fetch& fetch,
                                         const PlannedQuery& query, SearchPlan& plan) {
  plan.method = fetch.method;
  if (static_cast<int64_t>(query.known.size()) >= fetch.count) {
    return std::vector<Neighbour>(query.known.begin(), query.known.begin() + fetch.count);
  }
  if (plan.method != "exact") {
    SKIPCAST_TRY(std::vector<Neighbour> found,
                 index.search(query.embedding, fetch.count, query.allowed, fetch.beam));
    if (static_cast<int64_t>(found.size()) >= fetch.count) return found;
    plan.method = "exact";
  }
  return index.search_exact(query.embedding, fetch.count, query.allowed);
}

}  // namespace

std::vector<Neighbour> pick_separated(std::span<const Neighbour> found, int64_t k,
                                      int64_t separation) {
  std::vector<Neighbour> chosen;
  std::set<int64_t> origins;
  for (const Neighbour& neighbour : found) {
    if (static_cast<int64_t>(chosen.size()) == k) break;
    const auto after = origins.lower_bound(neighbour.origin);
    if (after != origins.end() && *after - neighbour.origin < separation) continue;
    if (after != origins.begin() && neighbour.origin - *std::prev(after) < separation) continue;
    origins.insert(neighbour.origin);
    chosen.push_back(neighbour);
  }
  return chosen;
}

int64_t worth_knowing(const SearchOptions& options) {
  constexpr int64_t kMost = int64_t{1} << 32;  // more than anyone knows
  const int64_t rounds = options.separation > 1 ? kFactor : 1;
  return std::min(options.k, kMost) * first_factor(options) * rounds;
}

Result<AnalogResult> plan_search(const SearchedRows& rows, const PlannedQuery& query,
                                 const SearchOptions& options) {
  const std::vector<Interval> tail = rows_within(rows.tail.ids, query.allowed_tail);
  const int64_t allowed_tail = total_length(tail);
  const int64_t allowed = total_length(rows_within(rows.index.ids(), query.allowed));
  AnalogResult result;
  result.plan.rows = static_cast<int64_t>(rows.index.ids().size() + rows.tail.ids.size());
  result.plan.allowed = allowed + allowed_tail;
  result.plan.method = "exact";
  if (result.plan.allowed == 0) return result;
  for (int64_t factor = first_factor(options);; factor *= kFactor) {
    const bool enough = options.k < result.plan.allowed / factor;
    const int64_t count = enough ? options.k * factor : result.plan.allowed;
    const Fetch fetch = plan_fetch(rows.index, {std::min(count, allowed), allowed, query.crowd});
    SKIPCAST_TRY(std::vector<Neighbour> found, run_fetch(rows.index, fetch, query, result.plan));
    if (allowed_tail > 0) {
      ScanQuery wanted{query.embedding, count};
      if (static_cast<int64_t>(found.size()) == count) wanted.farthest = found.back().distance;
      SKIPCAST_TRY(const std::vector<Neighbour> late, scan_rows_within(rows.tail, wanted, tail));
      found.insert(found.end(), late.begin(), late.end());
      keep_nearest(found, count);
    }
    result.analogs = pick_separated(found, options.k, options.separation);
    const bool reached = static_cast<int64_t>(result.analogs.size()) == options.k;
    if (reached || count == result.plan.allowed || factor == 1) return result;
  }
}

}  // namespace skipcast::retrieval
