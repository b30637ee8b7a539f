// Sigma lists and where to enter them. Pure functions on doubles, thread-safe.
//
// A list runs from the entry sigma down and ends with 0: n levels then 0 are n solver steps.
// Entry is defined by sigma, never by a step index (DESIGN decision 5).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace skipcast::samplers {

// How levels are spaced between sigma_max and sigma_min.
enum class Spacing {
  kKarras,  // evenly in sigma^(1/rho): Karras et al. 2022, eq. 5
  kLog,     // evenly in log sigma: the variance-exploding schedule of their table 1
  kVp,      // evenly in the time of the variance-preserving SDE with linear beta (table 1)
  kCosine,  // evenly in the time of the cosine schedule, sigma = tan(pi t / 2): Nichol & Dhariwal
};

struct ScheduleOptions {
  double sigma_min = 0.002;
  double sigma_max = 80;
  double rho = 7;  // of kKarras
  Spacing spacing = Spacing::kKarras;
};

// `steps` levels from sigma_max to sigma_min, spaced as options say, then 0.
// REQUIRES steps >= 0 (0 gives {}: no evaluation), 0 < sigma_min <= sigma_max; one step, or equal
// ends whatever the number of steps, give {sigma_max, 0}. Strictly descending.
std::vector<double> levels(int64_t steps, const ScheduleOptions& options);
// The same with kKarras, whatever options.spacing.
std::vector<double> karras(int64_t steps, const ScheduleOptions& options);

// The ways users name the depth; at most one may be set. None = from sigma_max (cold).
struct Depth {
  std::optional<double> entry_sigma;    // --entry-sigma
  std::optional<double> skip_fraction;  // --skip-frac in [0, 1): share of the full list skipped
  std::optional<int64_t> skip_steps;    // --skip-steps: the first k of `steps` steps are skipped
  std::vector<double> sigmas;           // --sigmas: the very levels, without the 0 at the end

  bool operator==(const Depth&) const = default;
};

struct Entry {
  double sigma = 0;            // where the chain is entered
  std::vector<double> sigmas;  // from there to 0
};

// entry_sigma: `steps` steps from it; 0 steps: {sigma 0, no levels}, the start is the forecast.
// skip_*: the tail of levels(steps), so fewer evaluations; a fraction skips floor(f * steps).
// sigmas: these levels, then 0; they must be `steps` in number.
// `error` gets one sentence when the wish is out of range (sigma outside the model's
// [sigma_min, sigma_max], everything skipped, two wishes at once); returns nullopt then.
std::optional<Entry> enter(int64_t steps, const Depth& depth, const ScheduleOptions& options,
                           std::string* error);

}  // namespace skipcast::samplers
