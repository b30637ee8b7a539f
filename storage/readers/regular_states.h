// From states with time stamps, as files hold them, to blocks on a regular axis.
//
// One place decides what a time stamp may be: increasing, once, on the axis' grid, and no
// further from the one before than the schema's gap_states_max. Internal to the readers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/readers/state_reader.h"
#include "storage/schema/schema.h"
#include "storage/status.h"

namespace skipcast::storage {

struct TimedState {
  int64_t time_s = 0;
  int32_t file = 0;           // where it came from, for messages: the reader's own
  int64_t line = 0;           // numbers, see TimedStates::position()
  std::vector<float> values;  // [variable, place]
};

// States in the order of a file. Not thread-safe.
class TimedStates {
 public:
  virtual ~TimedStates() = default;
  // The next state, nullopt at the end; kBadInput with position.
  virtual Result<std::optional<TimedState>> next() = 0;
  // "FILE, line 12" or "FILE, variable air, time index 7".
  virtual std::string position(const TimedState& state) const = 0;
  virtual double progress() const = 0;  // 0..1
};

// Puts `states` on the axis of `schema`. An axis without a step gets the smallest difference
// among the first 256 states (calendar months when they are whole months); without sessions,
// its start becomes the first state's time. Longer gaps than schema.gap_states_max (0: than a
// million states), times going backwards, repeated or off the grid are kBadInput with position
// and remedy. Calls validate() on the schema.
Result<std::unique_ptr<StateReader>> regular_states(Schema schema,
                                                    std::unique_ptr<TimedStates> states);

}  // namespace skipcast::storage
