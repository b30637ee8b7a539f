// A blind start: each member from what happened after a past situation drawn without looking.
#include <limits>

#include "engine/forecast/alignment.h"
#include "engine/forecast/analog_search.h"
#include "engine/forecast/reverse_chain.h"
#include "engine/forecast/start_table.h"
#include "samplers/noise.h"

namespace skipcast::engine {
namespace {

bool mean_needed(const StartOptions& start) { return uses_means(start.alignment); }

Result<MemberAnalogs> find(AnalogKeys& keys, Query& query, const ForecastOptions& options) {
  SKIPCAST_TRY(const AllowedWindows allowed, allowed_windows(keys, query, options));
  MemberAnalogs drawn;
  drawn.plan = {.method = "random",
                .allowed = allowed.count,
                .rows = static_cast<int64_t>(allowed.origins.size())};
  for (int64_t member = 0; member < options.members; ++member) {
    const samplers::NoiseKey key = {options.seed, query.time_s, member, kBlindChoiceStep};
    const auto number = static_cast<int64_t>(samplers::uniform_index(key, allowed.count));
    drawn.analogs.push_back({allowed.at(number), std::numeric_limits<float>::quiet_NaN()});
  }
  return drawn;
}

}  // namespace

constinit extern const StartRow kRandomStart = {
    .kind = StartKind::kRandom,
    .help = "what happened after situations drawn blindly",
    .control = true,
    .needs_mean = mean_needed,
    .find = find,
    .enter = enter_from_analogs};

}  // namespace skipcast::engine
