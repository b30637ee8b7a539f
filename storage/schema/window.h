// Windows: views on a series. A window at origin t sees context states t-T_in+1..t and
// future states t+1..t+T_out. Pure index arithmetic; thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "storage/schema/time_axis.h"

namespace skipcast::storage {

struct WindowSpec {
  int64_t context_states = 0;  // T_in
  int64_t future_states = 0;   // T_out

  int64_t span() const { return context_states + future_states; }
  bool operator==(const WindowSpec&) const = default;
};

// All origins t with first <= t-T_in+1, t+T_out <= last, whose window lies in one session.
std::vector<int64_t> window_origins(const TimeAxis& axis, const WindowSpec& spec, int64_t first,
                                    int64_t last);

}  // namespace skipcast::storage
