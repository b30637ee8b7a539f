// Per-variable, per-place normalisation with an optional slot climatology as the base.
//
// normalised = (g(x) - base(place, slot)) / scale(place), g as asked for, else log1p for log
// variables and identity for the others; scale = standard deviation of g(x) - base. base = mean of
// g(x) over the training part: of the whole (kMean), per slot of the week or of the day, falling
// back to the whole where a slot has fewer than 3 values; or (kSeasonal) per slot of the day a
// regression on two harmonics of the year, tabulated for every day of it. base() of a kSlotOfWeek
// fit is the usual climatology. Slots: steps below a day: slots of the week (UTC, from Monday), one
// a step, at least 5 minutes wide, or of the day (kSlotOfDay alike; kSeasonal at least an hour
// wide). For other axes kSlotOfDay and kSeasonal mean kSlotOfWeek: axes with sessions: slots of the
// session, all weekdays together; calendar months: months of the year; other steps: half-months of
// the year (day 1-15, 16-end). Statistics come from the training part only: fit() takes its end.
// Plain C++: encoders and networks share it. Values after fit(); thread-safe to read.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "retrieval/scaling/transform.h"
#include "storage/progress.h"
#include "storage/series/series_store.h"

namespace skipcast::retrieval {

enum class Base { kMean, kSlotOfWeek, kSlotOfDay, kSeasonal };

// "mean", "slot_of_week", "slot_of_day", "seasonal": the words of recipes and files, by number.
inline constexpr const char* kBaseWords[] = {"mean", "slot_of_week", "slot_of_day", "seasonal"};

struct NormalizerOptions {
  std::vector<int32_t> variables;  // store variable numbers, in the order of the output
  Base base = Base::kMean;
  int64_t train_states = 0;  // statistics from states [0, train_states)
  int64_t smoothing = 0;     // slots on each side that are averaged in (not kMean, kSeasonal)
  std::vector<int32_t> square_root;         // store variable numbers with g = sqrt, not log1p
  std::map<int32_t, Transform> transforms;  // g of others, by store variable number; not in files,
                                            // where transform() is
};

class Normalizer {
 public:
  // Streams over the training part twice, sums in double. kUsage for an empty or wrong variable
  // list or training part. kBadInput when a variable is all missing at a place (names both) or a
  // log variable has a value <= -1 (names the time too); a place that never varies gets scale 1.
  // kInterrupted when `progress` says stop.
  static Result<Normalizer> fit(const storage::SeriesStore& store, const NormalizerOptions& options,
                                const Progress& progress = {});

  // In place; values[count, variables, places], states first..first+count-1 (any index: beyond
  // the training part the slots go on). NaN stays NaN; values g cannot take become NaN.
  void normalise(int64_t first, int64_t count, std::span<float> values) const;
  void denormalise(int64_t first, int64_t count, std::span<float> values) const;
  // For a subset: `variable` = position in options().variables; values[count, places].
  void normalise_one(int64_t variable, int64_t first, int64_t count, std::span<float> values) const;
  void denormalise_one(int64_t variable, int64_t first, int64_t count,
                       std::span<float> values) const;

  const NormalizerOptions& options() const { return options_; }
  std::span<const float> scale() const { return scale_; }  // [variables, places]
  std::span<const float> base() const { return base_; }    // [variables, slots, places]
  int64_t slots() const { return slots_; }
  int64_t slot_of(int64_t state) const;  // 0..slots()-1
  int64_t places() const { return places_; }
  Transform transform(int64_t variable) const { return transforms_[variable]; }

  // JSON of everything (floats exact), for model files; and its inverse: kBadInput names the
  // field that is missing, of another size or not finite; kUnsupported a newer version.
  std::string to_json() const;
  static Result<Normalizer> from_json(std::string_view text);
  std::string fingerprint() const;  // 16 hex digits of the content

 private:
  void normalise_row(int64_t variable, int64_t slot, float* row) const;
  void denormalise_row(int64_t variable, int64_t slot, float* row) const;
  Status read_json(std::string_view text);  // throws nlohmann's exceptions; from_json() stops them

  NormalizerOptions options_;
  storage::TimeAxis axis_;
  std::vector<Transform> transforms_;
  int64_t places_ = 0, slots_ = 1;
  std::vector<float> base_, scale_;
};

}  // namespace skipcast::retrieval
