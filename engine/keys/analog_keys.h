// The indexes behind a forecaster: one per key, opened or built when first asked for.
// Envelopes lie in <archive>/index/<task>.<key>.skx, mean forecasts in <task>.means.skm.
// Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "engine/keys/forecast_key.h"
#include "engine/settings/forecast_options.h"
#include "retrieval/search/analog_index.h"

namespace skipcast::engine {

// The guard of a query of this request (DESIGN decision 6).
retrieval::Guard guard_for(const Model& model, const ForecastRequest& request);

// Windows of the training part, thinned evenly to 4096: what keys, spreads and ReDi's base are
// fitted on.
std::vector<int64_t> fit_origins(const Model& model, const Dataset& dataset);

// A PCA of the encoder to 64 components, fitted on `origins`, where it has more dimensions.
Result<std::unique_ptr<retrieval::Encoder>> projected(std::unique_ptr<retrieval::Encoder> encoder,
                                                      std::span<const int64_t> origins);

class AnalogKeys {
 public:
  // `dataset` must outlive it. With kInMemory nothing is read from or written to the archive. An
  // index stays within `memory_bytes` while it is built, or is refused (kUsage).
  enum class Files { kUse, kInMemory };
  AnalogKeys(std::shared_ptr<const Model> model, const Dataset& dataset, Progress progress,
             int64_t memory_bytes, Files files = Files::kUse);

  // The index of start.key (and key_mix), up to date with the dataset. The first call for a key
  // loads or builds it; while it does, other first calls wait. kUsage for an unknown key, and
  // the errors of the key's encoder.
  Result<const retrieval::AnalogIndex*> index(const StartOptions& start);
  Result<std::shared_ptr<MeanTable>> means();
  // Standard deviation of the mean forecasts' errors over the training windows (thinned to 4096),
  // [T_out, V, P] in normalised units; 1 where nothing was observed.
  Result<at::Tensor> mean_error();

  const Model& model() const { return *model_; }
  const Dataset& dataset() const { return dataset_; }

  // The same files as index() and means() use, against what the archive and the model give now: the
  // number of windows that are right. Errors as retrieval::AnalogIndex::check_file. kInMemory only.
  Result<int64_t> check_index_file(const StartOptions& start, const std::string& path);
  Result<int64_t> check_means_file(const std::string& path);

 private:
  Result<std::unique_ptr<retrieval::Encoder>> encoder_for(const StartOptions& start);
  Result<std::shared_ptr<MeanTable>> open_means();
  std::string file(const std::string& name) const;

  // Constant after construction.
  std::shared_ptr<const Model> model_;
  const Dataset& dataset_;
  Progress progress_;
  int64_t memory_bytes_;
  Files files_;
  std::vector<int64_t> fit_origins_;
  // Guarded by mutex_. Entries are never replaced, so pointers to them stay good.
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<retrieval::AnalogIndex>> indexes_;
  std::shared_ptr<MeanTable> means_;
  at::Tensor mean_error_;
};

}  // namespace skipcast::engine
