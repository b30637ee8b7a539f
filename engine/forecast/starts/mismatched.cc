// A blind start: the analogs of another, past situation. It has all of a retrieved start but the
// likeness.
#include <limits>

#include "engine/forecast/alignment.h"
#include "engine/forecast/analog_search.h"
#include "engine/forecast/reverse_chain.h"
#include "engine/forecast/start_table.h"
#include "samplers/noise.h"

namespace skipcast::engine {
namespace {

bool mean_needed(const StartOptions& start) { return uses_means(start.alignment); }

// The other situation is a usable past window of the later half, so that it has a past of its own.
// What is usable at its origin is usable at the query's, which is later.
Result<MemberAnalogs> find(AnalogKeys& keys, Query& query, const ForecastOptions& options) {
  SKIPCAST_TRY(const AllowedWindows allowed, allowed_windows(keys, query, options));
  const int64_t skipped = allowed.count / 2;
  const samplers::NoiseKey key = {options.seed, query.time_s, 0, kOtherSituationStep};
  const auto number = static_cast<int64_t>(samplers::uniform_index(key, allowed.count - skipped));
  Result<MemberAnalogs> found = retrieve(keys, query, allowed.at(skipped + number), options);
  if (found.status().code() == Code::kNotFound) {  // near the archive's beginning
    found = retrieve(keys, query, allowed.at(allowed.count - 1), options);
  }
  SKIPCAST_TRY_OK(found.status());
  for (retrieval::Neighbour& analog : found->analogs) {
    analog.distance = std::numeric_limits<float>::quiet_NaN();
  }
  return found;
}

}  // namespace

constinit extern const StartRow kMismatchedStart = {.kind = StartKind::kMismatched,
                                                    .help = "the analogs of another situation",
                                                    .searches = true,
                                                    .control = true,
                                                    .needs_mean = mean_needed,
                                                    .find = find,
                                                    .enter = enter_from_analogs};

}  // namespace skipcast::engine
