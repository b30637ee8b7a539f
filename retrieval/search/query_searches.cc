#include "retrieval/search/query_searches.h"

#include <algorithm>
#include <cmath>

namespace skipcast::retrieval {
namespace {

bool same(const Guard& a, const Guard& b) {
  return a.spec == b.spec && a.past_only == b.past_only && a.band == b.band &&
         a.frozen_states == b.frozen_states;
}

// Is what was found for `asked` of use for `wanted`? Of an exact search the nearest few are what a
// search for few gives.
bool serves(const SearchOptions& asked, const SearchPlan& plan, const SearchOptions& wanted) {
  if (asked.separation != wanted.separation || asked.fewer_is_ok != wanted.fewer_is_ok) {
    return false;
  }
  return asked.k == wanted.k || (asked.k > wanted.k && plan.method == "exact");
}

AnalogResult nearest(AnalogResult found, int64_t k) {
  const auto count = static_cast<size_t>(std::max<int64_t>(k, 0));
  if (found.analogs.size() > count) found.analogs.resize(count);
  return found;
}

}  // namespace

Result<std::vector<float>> QuerySearches::embedding(const AnalogIndex& index, int64_t origin) {
  for (const Embedding& known : embeddings_) {
    if (known.index == &index && known.origin == origin) return known.values;
  }
  std::vector<float> values(static_cast<size_t>(index.encoder().dimension()));
  SKIPCAST_TRY_OK(index.encoder().encode({&origin, 1}, values));
  embeddings_.push_back({&index, origin, values});
  return values;
}

Result<AnalogResult> QuerySearches::search(const AnalogIndex& index, int64_t origin,
                                           const Guard& guard, const SearchOptions& options) {
  for (const Search& made : searches_) {
    if (made.index != &index || made.origin != origin || !same(made.guard, guard)) continue;
    if (serves(made.options, made.found.plan, options)) return nearest(made.found, options.k);
  }
  SKIPCAST_TRY(const std::vector<float> values, embedding(index, origin));
  const bool known =
      std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
  // The index says in its own words why nothing can be compared with a context without data.
  Result<AnalogResult> found =
      known ? index.search(values, origin, guard, options) : index.search(origin, guard, options);
  if (found.ok()) searches_.push_back({&index, origin, guard, options, *found});
  return found;
}

}  // namespace skipcast::retrieval
