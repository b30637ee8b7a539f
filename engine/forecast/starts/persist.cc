// A blind start: the last observation, held. The same for all members.
#include "engine/forecast/query.h"
#include "engine/forecast/reverse_chain.h"
#include "engine/forecast/start_table.h"
#include "engine/keys/analog_keys.h"
#include "samplers/starts.h"

namespace skipcast::engine {
namespace {

Status enter(const StartScene& scene, const Query& query, const MemberAnalogs&, EntryState& entry) {
  entry.clean = samplers::persist(query.last, scene.keys.model().task().spec.future_states);
  return {};
}

}  // namespace

constinit extern const StartRow kPersistStart = {.kind = StartKind::kPersist,
                                                 .help = "the last observation, held",
                                                 .control = true,
                                                 .enter = enter};

}  // namespace skipcast::engine
