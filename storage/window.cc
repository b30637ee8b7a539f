#include "storage/window.h"

#include <fmt/format.h>

namespace skipcast::storage {
namespace {

// States first..first+count-1, which must not leave the session they begin in.
Status read_states(const SeriesStore& store, int64_t first, int64_t count,
                   std::span<const int32_t> variables, std::span<float> out) {
  const TimeAxis& axis = store.schema().axis;
  if (count < 1) return usage(fmt::format("a window of {} states", count));
  if (!axis.contiguous(first, first + count - 1)) {
    return bad_input(fmt::format("the window {} .. {} crosses a break of the calendar; choose a "
                                 "time later or earlier in the session",
                                 format_time(axis.time_at(first)),
                                 format_time(axis.time_at(first + count - 1))));
  }
  return store.read(first, count, variables, out);
}

}  // namespace

std::vector<int64_t> window_origins(const TimeAxis& axis, const WindowSpec& spec, int64_t first,
                                    int64_t last) {
  std::vector<int64_t> origins;
  if (spec.context_states < 1 || spec.future_states < 0) return origins;
  for (int64_t begin = first; begin + spec.span() - 1 <= last; ++begin) {
    if (!axis.contiguous(begin, begin + spec.span() - 1)) continue;
    origins.push_back(begin + spec.context_states - 1);
  }
  return origins;
}

Status read_context(const SeriesStore& store, const WindowSpec& spec, int64_t origin,
                    std::span<const int32_t> variables, std::span<float> out) {
  return read_states(store, origin - spec.context_states + 1, spec.context_states, variables, out);
}

Status read_future(const SeriesStore& store, const WindowSpec& spec, int64_t origin,
                   std::span<const int32_t> variables, std::span<float> out) {
  if (!store.schema().axis.contiguous(origin, origin + spec.future_states)) {
    return read_states(store, origin, spec.future_states + 1, variables, out);  // names the break
  }
  return read_states(store, origin + 1, spec.future_states, variables, out);
}

}  // namespace skipcast::storage
