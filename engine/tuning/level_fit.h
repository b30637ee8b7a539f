// Sigma lists found on validation windows for (model, start, number of evaluations): what
// samplers/levels/optimised_levels.h needs is gathered here.
// Everything random is keyed by the options' seed and the queries' times: the same arguments give
// the same lists (rounded to four digits, so that sums' order does not show).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/forecast/forecaster.h"
#include "samplers/levels/optimised_levels.h"

namespace skipcast::engine {

// The setting's chain by DPM-Solver++(2M), whose levels these are; without an early exit.
Setting plain_chain(const Setting& base);

// The setting on each of these lists of levels, by the lists' own solver and by the setting's.
std::vector<Setting> with_lists(const Setting& base, const std::vector<Setting>& lists);

// What lists are fitted on, and how their entries are made.
struct FitOptions {
  std::vector<int64_t> origins;  // 24 of them, evenly spaced, when there are more
  int64_t members = 8;           // at most
  uint64_t seed = 1;
  ArchiveMode archive = ArchiveMode::kGrowing;
};

// Not thread-safe. The forecaster must outlive it.
class LevelFitter {
 public:
  LevelFitter(Forecaster& forecaster, const FitOptions& options);

  // The setting with the levels of the least error bound, then with learned levels where the model
  // has gradients and the start an entry state of its own (not ReDi, not previous); both from the
  // setting's own entry. The teacher is DPM-Solver++(2M) with 24 evaluations. Errors of forecasts.
  // REQUIRES a plain_chain() of two steps or more.
  Result<std::vector<Setting>> lists(const Setting& base);

 private:
  Forecaster& forecaster_;
  FitOptions options_;
  samplers::ErrorCurve error_;  // of the model's estimates; measured when first needed
};

// Root mean square error of the model's estimate D(y + sigma eps) of the observed future y, in
// target space, measured at levels over the task's range on these origins; between them linear in
// log sigma. Missing values are left out. kUsage: nothing was observed.
Result<samplers::ErrorCurve> error_curve(const Forecaster& forecaster,
                                         std::span<const int64_t> origins, uint64_t seed);

}  // namespace skipcast::engine
