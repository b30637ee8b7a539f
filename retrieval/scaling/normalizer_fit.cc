#include "retrieval/scaling/normalizer_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "retrieval/scaling/harmonics.h"
#include "retrieval/scaling/slots.h"

namespace skipcast::retrieval {
namespace {

constexpr int32_t kSlotValuesMin = 3;  // fewer: the slot takes the overall mean
constexpr int64_t kSmoothingMax = 1000;
constexpr int64_t kChunkValues = 1 << 21;    // floats read at once, about
constexpr double kRelativeSpreadMin = 1e-6;  // below: the place does not vary

std::string place_name(const storage::Places& places, size_t place) {
  if (place < places.names.size()) return fmt::format("place '{}'", places.names[place]);
  if (places.kind == storage::PlacesKind::kGrid && !places.lon.empty()) {
    return fmt::format("the cell at latitude {}, longitude {}",
                       places.lat[place / places.lon.size()],
                       places.lon[place % places.lon.size()]);
  }
  return fmt::format("place number {}", place);
}

Status check_options(const storage::SeriesStore& store, const NormalizerOptions& options) {
  const int64_t known = static_cast<int64_t>(store.schema().variables.size());
  if (options.variables.empty()) return usage("a normalizer needs at least one variable");
  for (const int32_t variable : options.variables) {
    if (variable < 0 || variable >= known) {
      return usage(fmt::format("variable number {} is outside 0..{}", variable, known - 1));
    }
  }
  if (options.smoothing < 0 || options.smoothing > kSmoothingMax) {
    return usage(
        fmt::format("smoothing over {} slots is outside 0..{}", options.smoothing, kSmoothingMax));
  }
  if (options.train_states < 1 || options.train_states > store.size()) {
    return usage(fmt::format("a training part of {} states does not fit the archive's {}",
                             options.train_states, store.size()));
  }
  return Status();
}

// One fit: what is read, and the sums of both passes.
class Fitter {
 public:
  Fitter(const storage::SeriesStore& store, const NormalizerOptions& options,
         const Progress& progress)
      : store_(store), options_(options), progress_(progress) {
    const storage::Schema& schema = store.schema();
    made_.places = schema.places.count();
    made_.slots = slot_count(schema.axis, options.base);
    seasonal_ = options.base == Base::kSeasonal && has_slots_of_day(schema.axis);
    for (const int32_t v : options.variables) {
      const auto& roots = options.square_root;
      const bool root = std::find(roots.begin(), roots.end(), v) != roots.end();
      const bool log = schema.variables[static_cast<size_t>(v)].log_transform;
      const auto asked = options.transforms.find(v);
      made_.transforms.push_back(root                                ? Transform::kSquareRoot
                                 : asked != options.transforms.end() ? asked->second
                                 : log                               ? Transform::kLog
                                                                     : Transform::kIdentity);
    }
  }

  Result<NormalizerStatistics> fit() {
    const size_t cells = made_.transforms.size() * static_cast<size_t>(made_.places);
    sum_.assign(cells * static_cast<size_t>(made_.slots), 0);
    count_.assign(sum_.size(), 0);
    if (seasonal_) harmonics_.resize(cells * static_cast<size_t>(made_.slots / kYearDays));
    SKIPCAST_TRY_OK(scan(0, [this](int64_t state, const float* row) { add_sums(state, row); }));
    SKIPCAST_TRY_OK(set_base());
    if (seasonal_) set_seasonal_base();
    squares_.assign(cells, 0);
    const auto second = [this](int64_t state, const float* row) { add_squares(state, row); };
    SKIPCAST_TRY_OK(scan(0.5, second));
    set_scale();
    return std::move(made_);
  }

 private:
  // Calls visit(state, transformed row[variables, places]) for every training state.
  template <typename Visit>
  Status scan(double fraction_from, Visit visit) {
    const int64_t width = static_cast<int64_t>(made_.transforms.size()) * made_.places;
    const int64_t rows = std::max<int64_t>(1, kChunkValues / width / storage::kRowStates);
    const int64_t chunk = rows * storage::kRowStates;
    std::vector<float> values;
    for (int64_t first = 0; first < options_.train_states; first += chunk) {
      const int64_t count = std::min(chunk, options_.train_states - first);
      values.resize(static_cast<size_t>(count * width));
      SKIPCAST_TRY_OK(store_.read(first, count, options_.variables, values));
      SKIPCAST_TRY_OK(transform(first, values));
      for (int64_t i = 0; i < count; ++i) visit(first + i, values.data() + i * width);
      const double done = static_cast<double>(first + count) / options_.train_states;
      if (!tell(progress_, {fraction_from + done / 2, "normalise", "training part"})) {
        return Status(Code::kInterrupted, "stopped while computing training statistics");
      }
    }
    return Status();
  }

  // g of every value.
  Status transform(int64_t first, std::span<float> values) const {
    const size_t places = static_cast<size_t>(made_.places);
    for (size_t row = 0; row * places < values.size(); ++row) {
      const size_t v = row % made_.transforms.size();
      if (made_.transforms[v] == Transform::kIdentity) continue;
      for (size_t p = 0; p < places; ++p) {
        float& value = values[row * places + p];
        const float before = value;
        value = apply(made_.transforms[v], before);
        if (std::isnan(value) && !std::isnan(before)) {
          return refuse(v, p, first + row / made_.transforms.size(), before);
        }
      }
    }
    return Status();
  }

  Status refuse(size_t v, size_t place, int64_t state, float value) const {
    return bad_input(
        fmt::format("variable '{}' has the value {} at {} at {}, which {} cannot take: "
                    "fix the data or drop the variable's transform",
                    name(v), value, place_name(store_.schema().places, place),
                    storage::format_time(store_.schema().axis.time_at(state)),
                    made_.transforms[v] == Transform::kLog ? "log(1 + value)" : "sqrt(value)"));
  }

  const std::string& name(size_t v) const {
    return store_.schema().variables[static_cast<size_t>(options_.variables[v])].name;
  }

  // First index of (variable, slot) in the [variables, slots, places] arrays.
  size_t at(size_t v, int64_t slot) const {
    return (v * static_cast<size_t>(made_.slots) + static_cast<size_t>(slot)) *
           static_cast<size_t>(made_.places);
  }

  int64_t slot_of(int64_t state) const {
    return made_.slots == 1 ? 0 : slot_of_state(store_.schema().axis, options_.base, state);
  }

  void add_sums(int64_t state, const float* row) {
    const size_t places = static_cast<size_t>(made_.places);
    const Harmonics::Row phase = Harmonics::row_at(slot_of(state) / slots_of_day());
    for (size_t v = 0; v < made_.transforms.size(); ++v) {
      const size_t begin = at(v, slot_of(state));
      for (size_t p = 0; p < places; ++p) {
        const float value = row[v * places + p];
        if (!std::isfinite(value)) continue;
        sum_[begin + p] += double{value};
        ++count_[begin + p];
        if (seasonal_) harmonics_[harmonics_at(v, slot_of(state)) + p].add(phase, double{value});
      }
    }
  }

  int64_t slots_of_day() const { return seasonal_ ? made_.slots / kYearDays : made_.slots; }

  // First index of (variable, slot of the day) in harmonics_.
  size_t harmonics_at(size_t v, int64_t slot) const {
    return (v * static_cast<size_t>(slots_of_day()) + static_cast<size_t>(slot % slots_of_day())) *
           static_cast<size_t>(made_.places);
  }

  void set_seasonal_base() {
    const int64_t places = made_.places, cells = slots_of_day() * places;
    for (size_t v = 0; v < made_.transforms.size(); ++v) {
      for (int64_t cell = 0; cell < cells; ++cell) {
        set_seasonal_base(v, cell / places, static_cast<size_t>(cell % places));
      }
    }
  }

  // The year of one slot of the day at one place; too few values: what set_base() chose stays.
  void set_seasonal_base(size_t v, int64_t of_day, size_t p) {
    const auto factors = harmonics_[harmonics_at(v, of_day) + p].solve();
    if (!factors) return;
    for (int64_t day = 0; day < kYearDays; ++day) {
      made_.base[at(v, day * slots_of_day() + of_day) + p] =
          static_cast<float>(Harmonics::value(*factors, Harmonics::row_at(day)));
    }
  }

  // Sums of a slot and its neighbours: around the circle, or within the session.
  void smooth(size_t v, size_t p) {
    const bool circle = store_.schema().axis.session_states == 0;
    std::vector<double> sums(static_cast<size_t>(made_.slots), 0);
    std::vector<int64_t> counts(sums.size(), 0);
    for (int64_t slot = 0; slot < made_.slots; ++slot) {
      for (int64_t shift = -options_.smoothing; shift <= options_.smoothing; ++shift) {
        int64_t from = slot + shift;
        if (circle) from = (from % made_.slots + made_.slots) % made_.slots;
        if (from < 0 || from >= made_.slots) continue;
        sums[static_cast<size_t>(slot)] += sum_[at(v, from) + p];
        counts[static_cast<size_t>(slot)] += count_[at(v, from) + p];
      }
    }
    for (int64_t slot = 0; slot < made_.slots; ++slot) {
      sum_[at(v, slot) + p] = sums[static_cast<size_t>(slot)];
      count_[at(v, slot) + p] = counts[static_cast<size_t>(slot)];
    }
  }

  void add_squares(int64_t state, const float* row) {
    const size_t places = static_cast<size_t>(made_.places);
    for (size_t v = 0; v < made_.transforms.size(); ++v) {
      const float* base = made_.base.data() + at(v, slot_of(state));
      for (size_t p = 0; p < places; ++p) {
        const double rest = double{row[v * places + p]} - double{base[p]};
        if (std::isfinite(rest)) squares_[v * places + p] += rest * rest;
      }
    }
  }

  Status set_base() {
    made_.base.resize(sum_.size());
    const size_t places = static_cast<size_t>(made_.places);
    overall_.assign(made_.transforms.size() * places, 0);
    total_.assign(overall_.size(), 0);
    for (size_t i = 0; i < overall_.size(); ++i) {
      const size_t v = i / places, p = i % places;
      for (int64_t slot = 0; slot < made_.slots; ++slot) {
        overall_[i] += sum_[at(v, slot) + p];
        total_[i] += count_[at(v, slot) + p];
      }
      if (total_[i] == 0) {
        return bad_input(
            fmt::format("variable '{}' is missing throughout the training part at {}: "
                        "drop the place, or choose a longer training part",
                        name(v), place_name(store_.schema().places, p)));
      }
      overall_[i] /= static_cast<double>(total_[i]);
      if (options_.smoothing > 0 && made_.slots > 1 && !seasonal_) smooth(v, p);
      for (int64_t slot = 0; slot < made_.slots; ++slot) {
        const size_t j = at(v, slot) + p;
        const bool enough = !seasonal_ && (made_.slots == 1 || count_[j] >= kSlotValuesMin);
        made_.base[j] = static_cast<float>(enough ? sum_[j] / count_[j] : overall_[i]);
      }
    }
    return Status();
  }

  void set_scale() {
    made_.scale.resize(squares_.size());
    for (size_t i = 0; i < squares_.size(); ++i) {
      const double spread = std::sqrt(squares_[i] / static_cast<double>(total_[i]));
      const bool varies = spread > std::max(kRelativeSpreadMin * std::abs(overall_[i]), 1e-30);
      made_.scale[i] = varies ? static_cast<float>(spread) : 1.0f;
    }
  }

  const storage::SeriesStore& store_;
  const NormalizerOptions& options_;
  const Progress& progress_;
  NormalizerStatistics made_;
  bool seasonal_ = false;
  std::vector<Harmonics> harmonics_;             // [v, slots of the day, p]
  std::vector<double> sum_, squares_, overall_;  // [v, slots, p], [v, p], [v, p]
  std::vector<int64_t> count_, total_;           // [v, slots, p], [v, p]
};

}  // namespace

Result<NormalizerStatistics> fit_statistics(const storage::SeriesStore& store,
                                            const NormalizerOptions& options,
                                            const Progress& progress) {
  SKIPCAST_TRY_OK(check_options(store, options));
  return Fitter(store, options, progress).fit();
}

}  // namespace skipcast::retrieval
