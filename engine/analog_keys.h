// The indexes behind a forecaster: one per key, opened or built when first asked for.
// Envelopes lie in <archive>/index/<task>.<key>.skx, mean forecasts in <task>.means.skm.
// Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "engine/forecast_key.h"
#include "engine/forecaster.h"
#include "retrieval/analog_index.h"

namespace skipcast::engine {

// The guard of a query with these options (DESIGN decision 6).
retrieval::Guard guard_for(const Model& model, const ForecastOptions& options);

class AnalogKeys {
 public:
  // `dataset` must outlive it.
  AnalogKeys(std::shared_ptr<const Model> model, const Dataset& dataset, Progress progress);

  // The index of start.key (and key_mix), up to date with the dataset. The first call for a key
  // loads or builds it; while it does, other first calls wait.
  Result<const retrieval::AnalogIndex*> index(const StartOptions& start);
  Result<std::shared_ptr<MeanTable>> means();

 private:
  Result<std::unique_ptr<retrieval::Encoder>> context_encoder() const;
  Result<std::unique_ptr<retrieval::Encoder>> forecast_encoder();
  Result<std::unique_ptr<retrieval::Encoder>> encoder_for(const StartOptions& start);
  Result<std::shared_ptr<MeanTable>> open_means();
  Result<std::unique_ptr<retrieval::Encoder>> projected(
      std::unique_ptr<retrieval::Encoder> encoder) const;
  std::string file(const std::string& name) const;

  // Constant after construction.
  std::shared_ptr<const Model> model_;
  const Dataset& dataset_;
  Progress progress_;
  std::vector<int64_t> fit_origins_;
  // Guarded by mutex_. Entries are never replaced, so pointers to them stay good.
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<retrieval::AnalogIndex>> indexes_;
  std::shared_ptr<MeanTable> means_;
};

}  // namespace skipcast::engine
