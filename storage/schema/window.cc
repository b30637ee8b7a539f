#include "storage/schema/window.h"

namespace skipcast::storage {

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

}  // namespace skipcast::storage
