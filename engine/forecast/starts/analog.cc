// A start from analogs: each member from what happened after a situation like the query's.
#include "engine/forecast/alignment.h"
#include "engine/forecast/analog_search.h"
#include "engine/forecast/reverse_chain.h"
#include "engine/forecast/start_table.h"
#include "engine/keys/key_table.h"

namespace skipcast::engine {
namespace {

bool mean_needed(const StartOptions& start) {
  const KeyRow* const key = find_key(start.key);
  return (key != nullptr && key->needs_mean) || uses_means(start.alignment);
}

Result<MemberAnalogs> find(AnalogKeys& keys, Query& query, const ForecastOptions& options) {
  return retrieve(keys, query, query.origin, options);
}

}  // namespace

Status enter_from_analogs(const StartScene& scene, const Query& query, const MemberAnalogs& found,
                          EntryState& entry) {
  const StartOptions& start = scene.options.start;
  const std::vector<int64_t> origins = found.origins();
  if (scene.keys.dataset().device().is_cuda()) {
    entry.aligned = aligned_start(scene.keys.dataset(), scene.keys.model(), query, origins, start);
  }
  if (entry.aligned) return {};
  SKIPCAST_TRY(entry.clean, moved_futures(scene.keys, query, origins, start));
  return {};
}

constinit extern const StartRow kAnalogStart = {.kind = StartKind::kAnalog,
                                                .help = "what happened after similar situations",
                                                .searches = true,
                                                .needs_mean = mean_needed,
                                                .find = find,
                                                .enter = enter_from_analogs};

}  // namespace skipcast::engine
