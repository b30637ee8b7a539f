// What a forecast is asked. A Setting says how members are made: it is what is tuned, stored and
// compared by value. A ForecastRequest says for whom: how many members, of which seed, from which
// part of the archive. ForecastOptions are both. Plain values; their words are read and written
// here. Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/settings/names.h"
#include "samplers/schedule.h"
#include "storage/status.h"

namespace skipcast::engine {

enum class ArchiveMode { kGrowing, kFrozen };
// What nearest analogs say of a query: how far they are (mean distance in embedding units, not
// squared), or how much their futures, moved to the query's last observation, disagree (root mean
// square of their standard deviation, normalised units).
enum class Measure { kDistance, kDisagreement };

struct StartOptions {
  StartKind kind = StartKind::kAnalog;
  KeyKind key = KeyKind::kContext;
  double key_mix = 0.5;  // weight of the context key in kMixed
  Alignment alignment = Alignment::kOffset;
  double decay_tau = std::numeric_limits<double>::infinity();  // lead times; kOffset and kHalf
  int64_t separation = 1;  // least distance between two analogs, in states
  int64_t pool = 0;        // nearest analogs among which members are assigned; 0 = members
  // Of the softmax over -distance / (temperature * mean distance) by which members draw from the
  // pool; none: each analog in turn, nearest first.
  std::optional<double> temperature;
  double cold_share = 0;  // share of the members that start cold, at the same NFE
  // Standard deviation added to the entry's noise, in units of the mean forecast's own error on the
  // training part, per lead time, variable and place (METHODS section 2, row D).
  double added_noise = 0;
  // kRedi: the key is the state after so many of all `steps`; the depth's skipped steps end at the
  // value. Each member combines so many stored trajectories.
  int64_t redi_key_step = 1, redi_neighbours = 1;
  int64_t cycle = 1, rolls = 3;  // kPrevious: states between cycles, earlier cycles made

  bool operator==(const StartOptions&) const = default;
};

struct Setting {
  StartOptions start;
  samplers::Depth depth;  // none set: from sigma_max
  int64_t steps = 4;      // of the solver; 0 = the start itself, no evaluation
  std::string solver = "dpmpp_2m";
  std::optional<double> noise_amount;  // of a stochastic solver: its eta, S_churn, tau or repeats
  std::optional<double> noise_scale;   // of a stochastic solver: S_noise
  samplers::Spacing spacing = samplers::Spacing::kKarras;  // of the levels
  std::optional<double> rho;                               // of Karras' levels; none: the task's
  // Anytime: a member is done when its last two estimates differ by no more than this, root mean
  // square in target space (where the future has deviation sigma_data); 0 = never.
  double exit_tolerance = 0;
  // How much the network sees of what happened after similar situations: of the copy that
  // `skipcast adapt` trains, or of a one-step model. 1 as in training; beyond extrapolates; none:
  // 0, nothing.
  std::optional<double> retrieval_weight;
  bool mismatched_retrieval = false;  // blind control: what happened after another situation
  // How far the chain's denoiser is moved towards that of a kernel density over the futures of
  // kGuides analogs, found and aligned as `start` says (samplers/guidance.h): 0..1, 0 = not at all.
  double guidance = 0, guidance_bandwidth = 0.5;  // bandwidth in target space
  // Factors on every member's distance from the ensemble mean, at knots evenly spaced from the
  // first lead time to the last, linear between them; none: 1 everywhere.
  std::vector<double> inflation;

  bool operator==(const Setting&) const = default;
};

struct ForecastRequest {
  int64_t members = 32;
  uint64_t seed = 1;
  ArchiveMode archive = ArchiveMode::kGrowing;
  bool tuning_band = false;     // validation queries: the guard's extra band
  int64_t member_batch = 0;     // members solved at once; 0 = all (never changes a bit)
  bool statistics = false;      // summarise the members where they lie
  bool keep_on_device = false;  // leave the members where they were computed
};

// {setting, request}; passes for either.
struct ForecastOptions : Setting, ForecastRequest {};

// "growing", "karras", ...; kUsage lists the words.
Result<ArchiveMode> archive_from(std::string_view word);
Result<samplers::Spacing> spacing_from(std::string_view word);
Result<Measure> measure_from(std::string_view word);
const char* word(ArchiveMode mode);
const char* word(samplers::Spacing spacing);
const char* word(Measure measure);

}  // namespace skipcast::engine
