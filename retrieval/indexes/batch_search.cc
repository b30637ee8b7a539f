#include "retrieval/indexes/batch_search.h"

#include <algorithm>

#include "retrieval/indexes/device_scan.h"
#include "retrieval/indexes/product_scan.h"

namespace skipcast::retrieval {
namespace {

// Scanned here for one query, in about the time of a call of the device: ids, at most.
constexpr int64_t kBesideMax = 4096;

// Queries that may see about the same.
struct Group {
  std::vector<size_t> queries;
  std::vector<Interval> common;  // what all of them may see
  int64_t widest = 0;            // the most that one of them may see
};

// Takes the query in, unless it, or another one, would then see too much beside what is common.
bool join(Group& group, std::span<const BatchQuery> queries, size_t number) {
  const std::vector<Interval>& allowed = queries[number].allowed;
  std::vector<Interval> common = without(group.common, without(group.common, allowed));
  const int64_t widest = std::max(group.widest, total_length(allowed));
  if (widest - total_length(common) > kBesideMax) return false;
  group.queries.push_back(number);
  group.common = std::move(common);
  group.widest = widest;
  return true;
}

// In the order of what they may see last: with a growing archive neighbours in time share most.
std::vector<Group> groups_of(std::span<const BatchQuery> queries) {
  std::vector<size_t> order;  // of those that may see something
  for (size_t number = 0; number < queries.size(); ++number) {
    if (!queries[number].allowed.empty()) order.push_back(number);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return queries[a].allowed.back().end < queries[b].allowed.back().end;
  });
  std::vector<Group> groups;
  for (const size_t number : order) {
    if (!groups.empty() && join(groups.back(), queries, number)) continue;
    const std::vector<Interval>& allowed = queries[number].allowed;
    groups.push_back({{number}, allowed, total_length(allowed)});
  }
  return groups;
}

// Adds the nearest of what the query may see beside the common ids, of which `found` are.
Status add_beside(const VectorIndex& index, const BatchQuery& query,
                  std::span<const Interval> common, int64_t count, std::vector<Neighbour>& found) {
  ScanQuery wanted{query.embedding, count};
  if (static_cast<int64_t>(found.size()) == count) wanted.farthest = found.back().distance;
  const std::vector<Interval> rows = rows_within(index.ids(), without(query.allowed, common));
  SKIPCAST_TRY(const std::vector<Neighbour> beside, scan_rows_within(index.rows(), wanted, rows));
  found.insert(found.end(), beside.begin(), beside.end());
  keep_nearest(found, count);
  return {};
}

Result<std::vector<std::vector<Neighbour>>> search_group(const VectorIndex& index,
                                                         std::span<const BatchQuery> queries,
                                                         const Group& group, int64_t count) {
  std::vector<float> together;
  for (const size_t number : group.queries) {
    const std::span<const float> embedding = queries[number].embedding;
    together.insert(together.end(), embedding.begin(), embedding.end());
  }
  SKIPCAST_TRY(std::vector<std::vector<Neighbour>> found,
               search_together(index, together, count, group.common));
  std::vector<Status> statuses(found.size());
#pragma omp parallel for schedule(dynamic)
  for (size_t i = 0; i < found.size(); ++i) {
    statuses[i] = add_beside(index, queries[group.queries[i]], group.common, count, found[i]);
  }
  for (const Status& status : statuses) SKIPCAST_TRY_OK(Status(status));
  return found;
}

// On a device; REQUIRES: count <= together_max(index).
Result<std::vector<std::vector<Neighbour>>> search_groups(const VectorIndex& index,
                                                          std::span<const BatchQuery> queries,
                                                          int64_t count) {
  std::vector<std::vector<Neighbour>> all(queries.size());
  for (const Group& group : groups_of(queries)) {
    if (group.queries.size() == 1) continue;
    SKIPCAST_TRY(std::vector<std::vector<Neighbour>> found,
                 search_group(index, queries, group, count));
    for (size_t i = 0; i < found.size(); ++i) all[group.queries[i]] = std::move(found[i]);
  }
  return all;
}

// Here; what approximate indexes do with few allowed rows is theirs.
bool by_product(const VectorIndex& index, size_t queries, int64_t count) {
  return std::string_view(index.kind()) == "flat" && count <= kProductNeighboursMax &&
         static_cast<int64_t>(queries) >= kProductQueriesMin;
}

}  // namespace

Result<std::vector<std::vector<Neighbour>>> search_batch(const VectorIndex& index,
                                                         std::span<const BatchQuery> queries,
                                                         int64_t count) {
  std::vector<std::vector<Neighbour>> nothing(queries.size());
  if (count < 1) return nothing;
  if (count <= together_max(index)) return search_groups(index, queries, count);
  if (!by_product(index, queries.size(), count)) return nothing;
  std::vector<ProductQuery> wanted;
  for (const BatchQuery& query : queries) {
    wanted.push_back({query.embedding, rows_within(index.ids(), query.allowed)});
  }
  return scan_product(index.rows(), wanted, count);
}

}  // namespace skipcast::retrieval
