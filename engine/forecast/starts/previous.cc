// A start from the same members of the cycle before, shifted: rolled from up to start.rolls cycles
// back where that is possible, the first cycle from analogs.
#include <fmt/format.h>

#include "engine/forecast/forecaster.h"
#include "engine/forecast/query.h"
#include "engine/forecast/reverse_chain.h"
#include "engine/forecast/start_table.h"
#include "engine/keys/analog_keys.h"
#include "samplers/starts.h"

namespace skipcast::engine {
namespace {

Status check(const Task& task, const ForecastOptions& options, Chain&) {
  if (options.start.cycle <= task.spec.future_states) return {};
  return usage(fmt::format("a forecast of {} lead times has nothing left after {} states",
                           task.spec.future_states, options.start.cycle));
}

Status enter(const StartScene& scene, const Query& query, const MemberAnalogs&, EntryState& entry) {
  const StartOptions& start = scene.options.start;
  const int64_t before = query.origin - start.cycle;
  ForecastOptions earlier = scene.options;
  earlier.start.rolls = start.rolls - 1;
  const bool goes_on =
      earlier.start.rolls > 0 && check_origin(scene.keys.dataset(), before - start.cycle).ok();
  if (!goes_on) {
    earlier.start.kind = StartKind::kAnalog;
    earlier.start.rolls = 1;
  }
  earlier.inflation.clear();
  earlier.keep_on_device = true;
  SKIPCAST_TRY(const Forecast made, scene.forecaster.forecast(before, earlier));
  entry.clean = samplers::shift_cycle(made.normalised, start.cycle, query.last, start.decay_tau);
  return {};
}

}  // namespace

constinit extern const StartRow kPreviousStart = {.kind = StartKind::kPrevious,
                                                  .help = "the members of the cycle before",
                                                  .searches = true,
                                                  .check = check,
                                                  .enter = enter};

}  // namespace skipcast::engine
