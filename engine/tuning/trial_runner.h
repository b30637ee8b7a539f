// Runs a setting on the windows of a sweep and scores it, or finds it in the log. Keeps what new
// trials took. Internal to the tuner; not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/tuning/trial_log.h"
#include "engine/tuning/tuner.h"

namespace skipcast::engine {

// All windows of a role in this sweep.
WindowDraw draw_of(const TuneRequest& request, WindowRole role);

// What trials of this sweep depend on besides their settings.
TrialContext context_of(const Forecaster& forecaster, const TuneRequest& request);

class TrialRunner {
 public:
  // All must outlive it.
  TrialRunner(Forecaster& forecaster, const TuneRequest& request, TrialLog& log)
      : forecaster_(forecaster), request_(request), log_(log) {}

  // The setting on `count` windows of a role. kInterrupted when progress says so; errors of
  // forecasts, and of writing the log. REQUIRES that there are such windows.
  struct On {
    WindowRole role = WindowRole::kChoosing;
    int64_t count = 0;
  };
  Result<Trial> trial(const Setting& options, const On& windows);
  bool knows(const Setting& options, const On& windows) const;
  // Their origins. May be fewer than asked, or none.
  const std::vector<int64_t>& origins(const On& windows);

  // Seconds of new trials and of what else was counted, and as a share of the budget.
  double spent_s() const { return spent_s_; }
  void add_spent(double seconds) { spent_s_ += seconds; }
  double fraction() const;
  int64_t reused() const { return reused_; }

 private:
  Result<Trial> run(const Setting& options, const On& windows);

  Forecaster& forecaster_;
  const TuneRequest& request_;
  TrialLog& log_;
  std::map<std::pair<WindowRole, int64_t>, std::vector<int64_t>> origins_;
  double spent_s_ = 0;
  int64_t reused_ = 0;
};

}  // namespace skipcast::engine
