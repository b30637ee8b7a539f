#include "engine/query_origin.h"

#include <fmt/format.h>

namespace skipcast::engine {

Status check_origin(const Dataset& dataset, int64_t origin) {
  const storage::WindowSpec& spec = dataset.task().spec;
  const storage::TimeAxis& axis = dataset.store().schema().axis;
  const auto time_of = [&axis](int64_t state) {
    return storage::format_time(axis.time_at(state));
  };
  const int64_t states = dataset.states();
  if (origin >= states) {
    return not_found(fmt::format("{} is after the archive's last state {}: ingest newer states, "
                                 "or take an earlier time", time_of(origin), time_of(states - 1)));
  }
  if (origin - spec.context_states + 1 < 0) {
    return not_found(fmt::format("{} has no context: {} states up to it are needed and the archive "
                                 "begins at {}; the first forecast can start at {}",
                                 time_of(origin), spec.context_states, time_of(0),
                                 time_of(spec.context_states - 1)));
  }
  if (!axis.contiguous(origin - spec.context_states + 1, origin + spec.future_states)) {
    return bad_input(fmt::format("a forecast from {} would cross a calendar break: its {} states "
                                 "of context and {} of future must lie in one session",
                                 time_of(origin), spec.context_states, spec.future_states));
  }
  return {};
}

}  // namespace skipcast::engine
