// A cold start: pure noise at the entry's level.
#include "engine/forecast/reverse_chain.h"
#include "engine/forecast/start_table.h"

namespace skipcast::engine {
namespace {

Status check(const Task&, const ForecastOptions& options, Chain&) {
  if (options.steps > 0) return {};
  return usage("a cold start needs at least 1 step: it is pure noise before that");
}

}  // namespace

constinit extern const StartRow kColdStart = {
    .kind = StartKind::kCold, .help = "pure noise", .check = check};

}  // namespace skipcast::engine
