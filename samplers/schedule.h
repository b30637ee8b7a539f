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

struct ScheduleOptions {
  double sigma_min = 0.002;
  double sigma_max = 80;
  double rho = 7;
};

// Karras et al. 2022, eq. 5: `steps` levels from sigma_max to sigma_min, then 0.
// REQUIRES steps >= 0 (0 gives {}: no evaluation), 0 < sigma_min <= sigma_max; one step, or equal
// ends whatever the number of steps, give {sigma_max, 0}. Strictly descending.
std::vector<double> karras(int64_t steps, const ScheduleOptions& options);

// The three ways users name the depth; at most one may be set. None = from sigma_max (cold).
struct Depth {
  std::optional<double> entry_sigma;   // --entry-sigma
  std::optional<double> skip_fraction; // --skip-frac in [0, 1): share of the full list skipped
  std::optional<int64_t> skip_steps;   // --skip-steps: the first k of `steps` steps are skipped
};

struct Entry {
  double sigma = 0;             // where the chain is entered
  std::vector<double> sigmas;   // from there to 0
};

// entry_sigma: `steps` steps from it; 0 steps: {sigma 0, no levels}, the start is the forecast.
// skip_*: the tail of karras(steps), so fewer evaluations; a fraction skips floor(f * steps).
// `error` gets one sentence when the wish is out of range (sigma outside the model's
// [sigma_min, sigma_max], everything skipped, two wishes at once); returns nullopt then.
std::optional<Entry> enter(int64_t steps, const Depth& depth, const ScheduleOptions& options,
                           std::string* error);

}  // namespace skipcast::samplers
