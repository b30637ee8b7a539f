// One forecast beside what was observed, for the figures of a report. Internal to tools.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/forecast/forecaster.h"
#include "tools/figures/ensemble_view.h"
#include "tools/markup/svg_chart.h"

namespace skipcast::tools {

// Stored values of a variable at states [first, first + count), [count, places]; NaN where missing
// or outside the archive. Errors of reading.
Result<std::vector<float>> states_of(const storage::SeriesStore& store, int64_t variable,
                                     int64_t first, int64_t count);

// How lead times are told: one state is `per_state` of `name`.
struct LeadUnit {
  double per_state = 1;
  std::string name;  // "h", "min", "days", "months"
};
LeadUnit lead_unit(const storage::TimeAxis& axis);

// "+6 h".
std::string lead_text(const LeadUnit& unit, int64_t states);

// A window of one target: the ensemble, and the states of its context and future.
class WindowView {
 public:
  static Result<WindowView> make(const engine::Forecaster& forecaster,
                                 const engine::Forecast& forecast, int64_t target);

  const EnsembleView& ensemble() const { return ensemble_; }
  int64_t target() const { return target_; }
  int64_t context_states() const { return context_; }
  int64_t origin_s() const { return time_s(0); }
  // Step 0 is the origin, 1 the first lead time, -1 the state before the origin.
  int64_t time_s(int64_t step) const;
  double observed(int64_t step, int64_t place) const;  // NaN where missing
  bool anything_came() const;                          // a future state was observed
  std::string value_label() const;                     // "PM2.5 (ug m-3)"
  const std::string& unit() const { return ensemble_.variable(target_).units; }

  // A fan chart of one place.
  std::string fan(int64_t place, int width, int height) const;

 private:
  WindowView(const engine::Forecaster& forecaster, const engine::Forecast& forecast,
             int64_t target);
  std::vector<Point> observed_line(int64_t first, int64_t last, int64_t place) const;
  std::vector<Point> quantiles(int64_t place, double Summary::*which) const;
  std::string tip(int64_t lead, int64_t place) const;
  Axis value_axis(int64_t place) const;

  const storage::TimeAxis* axis_;
  int64_t origin_, target_, context_;
  EnsembleView ensemble_;
  std::vector<float> states_;  // [context + lead times, places]
};

}  // namespace skipcast::tools
