#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "retrieval/encoders/encoder.h"
#include "storage/files/fingerprint.h"

namespace skipcast::retrieval {
namespace {

constexpr int64_t kGroupValues = 1 << 22;  // floats read at once, about

// A run of origins whose contexts overlap: positions begin..end-1, states first..last.
struct Group {
  size_t begin, end;
  int64_t first, last;
};

// The angle of a calendar cycle at a time, as a share of the circle.
double hour_share(const storage::CalendarTime& t) {
  return (t.hour + (t.minute + t.second / 60.0) / 60.0) / 24.0;
}

class ContextEncoder final : public Encoder {
 public:
  ContextEncoder(const storage::SeriesStore& store, const Normalizer& normalizer,
                 const ContextKeyOptions& options)
      : store_(store), normalizer_(normalizer), options_(options) {
    for (const int64_t v : options_.variables) {
      columns_.push_back(normalizer.options().variables[static_cast<size_t>(v)]);
    }
    state_values_ = static_cast<int64_t>(columns_.size()) * normalizer.places();
    window_values_ = state_values_ * options_.spec.context_states;
    const bool on = options_.calendar_weight > 0;
    cycles_ = on ? options_.hour_of_day + options_.day_of_week + options_.day_of_year : 0;
  }

  int64_t dimension() const override { return window_values_ + 2 * cycles_; }

  std::string fingerprint() const override {
    std::string text = fmt::format(
        "context 1 {} {} {} {} {} {} {}", normalizer_.fingerprint(), options_.spec.context_states,
        fmt::join(options_.variables, ","), cycles_ > 0 ? options_.calendar_weight : 0.0,
        options_.hour_of_day, options_.day_of_week, options_.day_of_year);
    return "context-" + storage::fingerprint_of(text);
  }

  Status encode(std::span<const int64_t> origins, std::span<float> out) const override {
    SKIPCAST_CHECK(static_cast<int64_t>(out.size()) ==
                   static_cast<int64_t>(origins.size()) * dimension());
    std::vector<float> states;
    for (size_t begin = 0; begin < origins.size();) {
      SKIPCAST_TRY(const Group group, next_group(origins, begin));
      SKIPCAST_TRY_OK(read_states(group, states));
      for (size_t i = group.begin; i < group.end; ++i) {
        const int64_t first = origins[i] - options_.spec.context_states + 1 - group.first;
        encode_one(
            origins[i], states.data() + first * state_values_,
            out.subspan(i * static_cast<size_t>(dimension()), static_cast<size_t>(dimension())));
      }
      begin = group.end;
    }
    return Status();
  }

 private:
  Status check_origin(int64_t origin) const {
    const storage::TimeAxis& axis = store_.schema().axis;
    const int64_t first = origin - options_.spec.context_states + 1;
    if (first < 0 || origin >= store_.size()) {
      return not_found(fmt::format(
          "the context of {} states ending at {} is not in the archive, which holds {} to {}",
          options_.spec.context_states, storage::format_time(axis.time_at(origin)),
          storage::format_time(axis.time_at(0)),
          storage::format_time(axis.time_at(std::max<int64_t>(store_.size() - 1, 0)))));
    }
    if (!axis.contiguous(first, origin)) {
      return bad_input(fmt::format(
          "the context from {} to {} crosses a session boundary: choose a later time of that day",
          storage::format_time(axis.time_at(first)), storage::format_time(axis.time_at(origin))));
    }
    return Status();
  }

  // The longest run from `begin` whose contexts overlap, go forward in time, and fit in memory.
  Result<Group> next_group(std::span<const int64_t> origins, size_t begin) const {
    const int64_t context = options_.spec.context_states;
    SKIPCAST_TRY_OK(check_origin(origins[begin]));
    Group group{begin, begin + 1, origins[begin] - context + 1, origins[begin]};
    for (; group.end < origins.size(); ++group.end) {
      const int64_t origin = origins[group.end];
      const bool overlaps = origin >= group.last && origin - group.last <= context;
      if (!overlaps || (origin - group.first + 1) * state_values_ > kGroupValues) break;
      SKIPCAST_TRY_OK(check_origin(origin));
      group.last = origin;
    }
    return group;
  }

  // Normalised values of the group's states, [states, variables, places].
  Status read_states(const Group& group, std::vector<float>& states) const {
    const int64_t count = group.last - group.first + 1;
    states.resize(static_cast<size_t>(count * state_values_));
    SKIPCAST_TRY_OK(store_.read(group.first, count, columns_, states));
    const size_t places = static_cast<size_t>(normalizer_.places());
    for (size_t row = 0; row * places < states.size(); ++row) {
      normalizer_.normalise_one(options_.variables[row % columns_.size()],
                                group.first + static_cast<int64_t>(row / columns_.size()), 1,
                                std::span(states).subspan(row * places, places));
    }
    return Status();
  }

  // states[T_in, variables * places] -> out[variables * places, T_in], filled, then the calendar.
  void encode_one(int64_t origin, const float* states, std::span<float> out) const {
    const int64_t context = options_.spec.context_states;
    bool observed = false;
    for (int64_t cell = 0; cell < state_values_; ++cell) {
      float last = 0;
      for (int64_t t = 0; t < context; ++t) {
        const float value = states[t * state_values_ + cell];
        if (std::isfinite(value)) {
          last = value;
          observed = true;
        }
        out[static_cast<size_t>(cell * context + t)] = last;
      }
    }
    if (!observed) {
      std::fill(out.begin(), out.end(), std::numeric_limits<float>::quiet_NaN());
    } else if (cycles_ > 0) {
      encode_calendar(origin, out.subspan(static_cast<size_t>(window_values_)));
    }
  }

  void encode_calendar(int64_t origin, std::span<float> out) const {
    const storage::CalendarTime time = storage::calendar_time(store_.schema().axis.time_at(origin));
    const double weight = options_.calendar_weight * std::sqrt(static_cast<double>(window_values_));
    size_t at = 0;
    const auto push = [&](bool wanted, double share) {
      if (!wanted) return;
      out[at++] = static_cast<float>(weight * std::sin(2 * std::numbers::pi * share));
      out[at++] = static_cast<float>(weight * std::cos(2 * std::numbers::pi * share));
    };
    push(options_.hour_of_day, hour_share(time));
    push(options_.day_of_week, (time.weekday + hour_share(time)) / 7);
    push(options_.day_of_year, (time.day_of_year + hour_share(time)) / 365.25);
  }

  const storage::SeriesStore& store_;
  const Normalizer& normalizer_;
  const ContextKeyOptions options_;
  std::vector<int32_t> columns_;  // store variable numbers
  int64_t state_values_ = 0, window_values_ = 0;
  int64_t cycles_ = 0;
};

}  // namespace

Result<std::unique_ptr<Encoder>> make_context_encoder(const storage::SeriesStore& store,
                                                      const Normalizer& normalizer,
                                                      const ContextKeyOptions& options) {
  const int64_t known = static_cast<int64_t>(normalizer.options().variables.size());
  if (options.variables.empty()) return usage("a context key needs at least one variable");
  for (const int64_t v : options.variables) {
    if (v < 0 || v >= known) {
      return usage(fmt::format("a context key's variable {} is outside 0..{}", v, known - 1));
    }
  }
  if (options.spec.context_states < 1) return usage("a context key needs at least one state");
  if (!(options.calendar_weight >= 0) || !std::isfinite(options.calendar_weight)) {
    return usage(fmt::format("a calendar weight of {} is not >= 0", options.calendar_weight));
  }
  SKIPCAST_CHECK(normalizer.places() == store.schema().places.count());
  return std::unique_ptr<Encoder>(new ContextEncoder(store, normalizer, options));
}

}  // namespace skipcast::retrieval
