// Forecasts without a model, as ensembles that evaluation scores like any other: persistence,
// slot-of-week climatology (its mean, and the same slot in earlier weeks). Analog ensembles are
// Forecaster::analog_ensemble. Const methods are thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/forecast/forecaster.h"

namespace skipcast::engine {

class Baselines {
 public:
  // Reads the training part once: per slot (retrieval/scaling/slots.h), place and target variable
  // the mean in physical units; a slot never observed takes the place's mean. `forecaster` must
  // outlive it.
  static Result<std::unique_ptr<Baselines>> fit(const Forecaster& forecaster);

  // The last observation held. One member.
  Result<Forecast> persistence(int64_t origin) const;
  // The slot's mean at every lead time. One member.
  Result<Forecast> climatology(int64_t origin) const;
  // Futures of the latest options.members usable windows whose origin has the query's slot; fewer
  // are used in turn and noted. kNotFound when there is none.
  Result<Forecast> climatology_ensemble(int64_t origin, const ForecastOptions& options) const;

 private:
  explicit Baselines(const Forecaster& forecaster) : forecaster_(forecaster) {}
  Status sum_slots();
  Forecast finish(int64_t origin, const at::Tensor& normalised) const;

  const Forecaster& forecaster_;
  std::vector<int32_t> slots_;  // of each state
  std::vector<float> means_;    // [slots, targets, places], physical
};

}  // namespace skipcast::engine
