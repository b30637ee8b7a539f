#include "retrieval/search_planner.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "retrieval/row_scan.h"

namespace skipcast::retrieval {
namespace {

// What one search fetches and how.
struct Fetch {
  int64_t count;
  const char* method;
  int64_t beam;
};

Fetch plan_fetch(const VectorIndex& index, const HnswOptions& hnsw, int64_t count,
                 const PlannedQuery& query, const SearchPlan& plan) {
  if (std::string_view(index.kind()) == "flat") return {count, "exact", 0};
  const int64_t forbidden = plan.rows - plan.allowed;
  const double share = static_cast<double>(plan.allowed) / static_cast<double>(plan.rows);
  const int64_t crowd = std::min(forbidden, query.crowd);
  const double beam = static_cast<double>(std::max<int64_t>(count, hnsw.ef_search) + crowd) / share;
  // A walk compares the query with about 2 * links rows for each step of its beam.
  if (beam * 2 * hnsw.links > static_cast<double>(plan.allowed)) return {count, "exact", 0};
  return {count, forbidden == 0 ? "ann" : "ann-wide", static_cast<int64_t>(beam)};
}

Result<std::vector<Neighbour>> run_fetch(const VectorIndex& index, const Fetch& fetch,
                                         const PlannedQuery& query, SearchPlan& plan) {
  plan.method = fetch.method;
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

Result<AnalogResult> plan_search(const VectorIndex& index, const HnswOptions& hnsw,
                                 const PlannedQuery& query, const SearchOptions& options) {
  AnalogResult result;
  result.plan.rows = static_cast<int64_t>(index.ids().size());
  result.plan.allowed = total_length(rows_within(index.ids(), query.allowed));
  result.plan.method = "exact";
  if (result.plan.allowed == 0) return result;
  const int64_t first = options.separation > 1 ? 2 : 1;
  for (int64_t factor = first;; factor *= 4) {
    const bool enough = options.k < result.plan.allowed / factor;
    const int64_t count = enough ? options.k * factor : result.plan.allowed;
    const Fetch fetch = plan_fetch(index, hnsw, count, query, result.plan);
    SKIPCAST_TRY(const std::vector<Neighbour> found, run_fetch(index, fetch, query, result.plan));
    result.analogs = pick_separated(found, options.k, options.separation);
    const bool reached = static_cast<int64_t>(result.analogs.size()) == options.k;
    if (reached || fetch.count == result.plan.allowed || factor == 1) return result;
  }
}

}  // namespace skipcast::retrieval
