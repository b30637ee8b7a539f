// A start from the network's own mean forecast, the same for all members.
#include "engine/forecast/query.h"
#include "engine/forecast/reverse_chain.h"
#include "engine/forecast/start_table.h"

namespace skipcast::engine {
namespace {

bool mean_needed(const StartOptions&) { return true; }

Status enter(const StartScene&, const Query& query, const MemberAnalogs&, EntryState& entry) {
  entry.clean = query.mean;
  return {};
}

}  // namespace

constinit extern const StartRow kMeanStart = {.kind = StartKind::kMean,
                                              .help = "the network's mean forecast",
                                              .needs_mean = mean_needed,
                                              .enter = enter};

}  // namespace skipcast::engine
