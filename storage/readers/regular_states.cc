#include "storage/readers/regular_states.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <utility>

namespace skipcast::storage {
namespace {

constexpr size_t kLookaheadStates = 256;
constexpr size_t kLookaheadBytes = size_t{64} << 20;
constexpr int64_t kAnyGapStatesMax = 1'000'000;
constexpr int64_t kStateValuesMax = int64_t{1} << 28;
constexpr int64_t kMonthSecondsMin = int64_t{28} * 86400;
constexpr double kLatitudeMax = 90 + 1e-4, kLongitudeMax = 360 + 1e-4;  // in float32, too
constexpr int64_t kTimeMin = -62135596800, kTimeMax = 253402300799;     // years 1..9999

int64_t month_of(int64_t time_s) {
  const CalendarTime time = calendar_time(time_s);
  return int64_t{time.year} * 12 + time.month - 1;
}

int64_t first_of_month(int64_t month) {
  const int64_t year = month >= 0 ? month / 12 : -((11 - month) / 12);
  return from_civil(static_cast<int32_t>(year), static_cast<int32_t>(month - year * 12 + 1), 1, 0);
}

bool is_first_of_month(const TimedState& state) {
  return state.time_s == first_of_month(month_of(state.time_s));
}

class RegularReader : public StateReader {
 public:
  RegularReader(Schema schema, std::unique_ptr<TimedStates> states)
      : schema_(std::move(schema)), states_(std::move(states)) {}

  Status prepare();
  const Schema& schema() const override { return schema_; }
  Result<std::optional<StateBlock>> next(int64_t states_max) override;
  double progress() const override { return states_->progress(); }
  int64_t gap_states() const override { return gap_states_; }

 private:
  Result<std::optional<TimedState>> take();
  Status look_ahead();
  Status find_step();
  Status place_start();
  Status load_pending();
  Result<int64_t> index_of(const TimedState& state) const;
  Status check_order(const TimedState& state, int64_t index) const;

  Schema schema_;
  std::unique_ptr<TimedStates> states_;
  std::deque<TimedState> ahead_;
  std::optional<TimedState> pending_;  // the next state to hand out, at pending_index_
  int64_t pending_index_ = 0;
  int64_t next_index_ = -1;  // -1 before the first state
  int64_t gap_states_ = 0;
  bool firsts_ = false;  // months were found, not asked for: every state is the first of its own
  Status late_failure_;  // met by look_ahead(): told after the states before it
  Status failure_;       // met behind the last state handed out: told by the next call
};

Result<std::optional<TimedState>> RegularReader::take() {
  SKIPCAST_TRY(std::optional<TimedState> state, states_->next());
  if (!state || (state->time_s >= kTimeMin && state->time_s <= kTimeMax)) return state;
  return bad_input(states_->position(*state) +
                   ": the time lies outside the years 1 to 9999; "
                   "check the time column, its units and format");
}

Status RegularReader::look_ahead() {
  const bool known = schema_.axis.step_s > 0 || schema_.axis.step_months > 0;
  const auto state_bytes = static_cast<size_t>(schema_.state_values()) * sizeof(float);
  const size_t wanted =
      known ? 1 : std::min(kLookaheadStates, 2 + kLookaheadBytes / (state_bytes + 1));
  while (ahead_.size() < wanted) {
    Result<std::optional<TimedState>> state = take();
    if (!state.ok() && ahead_.size() < 2) return state.status();
    late_failure_ = state.status();
    if (!state.ok() || !*state) break;
    ahead_.push_back(std::move(**state));
  }
  if (ahead_.empty()) return bad_input(states_->position({}) + ": holds no states; is it empty?");
  return {};
}

// The step of an axis the recipe leaves open: the smallest difference seen; in whole months when
// every state is the first moment of its month.
Status RegularReader::find_step() {
  TimeAxis& axis = schema_.axis;
  if (axis.step_s > 0 || axis.step_months > 0) return {};
  int64_t shortest = std::numeric_limits<int64_t>::max(), longest = 0, months = shortest;
  for (size_t k = 1; k < ahead_.size(); ++k) {
    const int64_t before = ahead_[k - 1].time_s, now = ahead_[k].time_s;
    if (now <= before) continue;  // load_pending() reports it with position
    shortest = std::min(shortest, now - before);
    longest = std::max(longest, now - before);
    months = std::min(months, month_of(now) - month_of(before));
  }
  firsts_ = std::all_of(ahead_.begin(), ahead_.end(), is_first_of_month);
  if (longest == 0) {
    return bad_input(states_->position(ahead_.front()) +
                     ": the step of the time axis cannot be "
                     "told from a single time; give \"time\": {\"step\": ...} in a recipe");
  }
  if (firsts_ && months >= 1) {
    axis.step_months = static_cast<int32_t>(std::min<int64_t>(months, 12000));
  } else {
    axis.step_s = shortest;
  }
  return {};
}

Status RegularReader::place_start() {
  TimeAxis& axis = schema_.axis;
  const int64_t first = ahead_.front().time_s;
  if (axis.session_states == 0) {
    axis.start_s = axis.step_months > 0 ? first_of_month(month_of(first)) : first;
    return {};
  }
  const Result<int64_t> index = index_of(ahead_.front());
  if (!index.ok()) return index.status();
  const int64_t states = axis.session_states;
  const int64_t session = *index >= 0 ? *index / states : -((states - 1 - *index) / states);
  axis.start_s = axis.time_at(session * states);
  return {};
}

// Positions that no place on Earth has are numbers misread, not places.
Status check_positions(const Places& places) {
  for (size_t k = 0; k < places.lat.size(); ++k) {
    if (!(std::abs(places.lat[k]) <= kLatitudeMax)) {
      return bad_input(
          fmt::format("the latitude of index {} is {}, but must lie within -90 and "
                      "90 degrees; correct it, or leave positions out",
                      k, places.lat[k]));
    }
  }
  for (size_t k = 0; k < places.lon.size(); ++k) {
    if (!(std::abs(places.lon[k]) <= kLongitudeMax)) {
      return bad_input(
          fmt::format("the longitude of index {} is {}, but must lie within -360 and "
                      "360 degrees; correct it, or leave positions out",
                      k, places.lon[k]));
    }
  }
  return {};
}

Status RegularReader::prepare() {
  if (schema_.state_values() <= 0 || schema_.state_values() > kStateValuesMax) {
    return bad_input(fmt::format("{}: {} variables at {} places are too many for a state, or none",
                                 states_->position({}), schema_.variables.size(),
                                 schema_.places.count()));
  }
  SKIPCAST_TRY_OK(look_ahead());
  SKIPCAST_TRY_OK(find_step());
  const Status axis = validate(schema_.axis);
  if (!axis.ok()) {
    return bad_input(states_->position(ahead_.front()) + ": " + axis.message());
  }
  SKIPCAST_TRY_OK(place_start());
  const Status positions = check_positions(schema_.places);
  if (!positions.ok()) {
    return bad_input(states_->position(ahead_.front()) + ": " + positions.message());
  }
  const Status valid = validate(schema_);
  if (!valid.ok()) return bad_input(states_->position(ahead_.front()) + ": " + valid.message());
  return load_pending();
}

Result<int64_t> RegularReader::index_of(const TimedState& state) const {
  const TimeAxis& axis = schema_.axis;
  const bool months = axis.step_months > 0;
  if (months && firsts_ && !is_first_of_month(state)) {
    return bad_input(fmt::format(
        "{}: the time {} is not the first of its month, as all before it are; give \"time\": "
        "{{\"step\": \"1 month\"}} in a recipe if any moment of a month stands for it",
        states_->position(state), format_time(state.time_s)));
  }
  const int64_t time = months ? first_of_month(month_of(state.time_s)) : state.time_s;
  Result<int64_t> index = axis.index_of(time);
  if (index.ok()) return index;
  const bool long_step = !months && axis.step_s >= kMonthSecondsMin;
  return bad_input(fmt::format(
      "{}: {}; the step is {}, so correct the time or give another \"time\": {{\"step\": ...}} in "
      "the recipe{}",
      states_->position(state), index.status().message(),
      months ? fmt::format("{} months", axis.step_months) : fmt::format("{} s", axis.step_s),
      long_step ? ", such as \"1 month\"" : ""));
}

Status RegularReader::check_order(const TimedState& state, int64_t index) const {
  if (next_index_ < 0) return {};
  const std::string where = states_->position(state);
  const int64_t last = next_index_ - 1;
  if (index == last) {
    return bad_input(fmt::format("{}: the time {} comes twice; remove one of the two states", where,
                                 format_time(state.time_s)));
  }
  if (index < last) {
    return bad_input(fmt::format("{}: time goes backwards, from {} to {}; sort the states by time",
                                 where, format_time(schema_.axis.time_at(last)),
                                 format_time(state.time_s)));
  }
  const int64_t gap = index - next_index_;
  const int64_t gap_max = schema_.gap_states_max > 0 ? schema_.gap_states_max : kAnyGapStatesMax;
  if (gap <= gap_max) return {};
  return bad_input(fmt::format(
      "{}: {} states are missing between {} and {}, more than the {} "
      "allowed; add the missing files or raise \"gap_states_max\" in the "
      "recipe",
      where, gap, format_time(schema_.axis.time_at(last)), format_time(state.time_s), gap_max));
}

Status RegularReader::load_pending() {
  pending_.reset();
  if (!ahead_.empty()) {
    pending_ = std::move(ahead_.front());
    ahead_.pop_front();
  } else {
    SKIPCAST_TRY_OK(late_failure_);
    SKIPCAST_TRY(pending_, take());
  }
  if (!pending_) return {};
  SKIPCAST_CHECK(static_cast<int64_t>(pending_->values.size()) == schema_.state_values());
  SKIPCAST_TRY(pending_index_, index_of(*pending_));
  return check_order(*pending_, pending_index_);
}

Result<std::optional<StateBlock>> RegularReader::next(int64_t states_max) {
  SKIPCAST_CHECK(states_max > 0);
  SKIPCAST_TRY_OK(failure_);
  if (!pending_) return std::optional<StateBlock>();
  if (next_index_ < 0) next_index_ = pending_index_;
  const int64_t width = schema_.state_values();
  StateBlock block;
  block.first = next_index_;
  while (pending_ && block.states < states_max) {
    const int64_t missing = std::min(pending_index_ - next_index_, states_max - block.states);
    const auto nan = std::numeric_limits<float>::quiet_NaN();
    block.values.resize(block.values.size() + static_cast<size_t>(missing * width), nan);
    block.states += missing, next_index_ += missing, gap_states_ += missing;
    if (block.states == states_max) break;
    block.values.insert(block.values.end(), pending_->values.begin(), pending_->values.end());
    ++block.states, ++next_index_;
    failure_ = load_pending();
    if (!failure_.ok()) pending_.reset();
  }
  return std::optional<StateBlock>(std::move(block));
}

}  // namespace

Result<std::unique_ptr<StateReader>> regular_states(Schema schema,
                                                    std::unique_ptr<TimedStates> states) {
  auto reader = std::make_unique<RegularReader>(std::move(schema), std::move(states));
  SKIPCAST_TRY_OK(reader->prepare());
  return std::unique_ptr<StateReader>(std::move(reader));
}

}  // namespace skipcast::storage
