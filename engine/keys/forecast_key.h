// The forecast key: contexts compared by the denoiser's own mean forecasts (one evaluation at
// sigma_max each), as classical analog ensembles compare forecasts, not observations
// (DESIGN decision 4). The same means serve residual alignment, so they are made once per model,
// in batches, kept in memory, and cached in a checksummed file of the archive's index folder;
// deleting that file is always safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/models/model.h"
#include "retrieval/encoders/encoder.h"
#include "storage/progress.h"

namespace skipcast::engine {

// Mean forecasts, normalised units, of every complete window of the archive, by origin: those of
// Model::past_means, in the training part of a cross-fitted model by networks that have not seen
// the window.
// Thread safety: means() and the query memo may be used from several threads.
class MeanTable {
 public:
  // Reads `path` when it fits (store, model, checksum), computes what is missing, writes it back;
  // an unwritable folder costs the cache only and leaves a note. Empty path = memory only.
  // Cost: one context encoding and one evaluation a new window. `dataset` must outlive it.
  // kInterrupted when progress says stop (what was computed is written first).
  static Result<std::shared_ptr<MeanTable>> open(std::shared_ptr<const Model> model,
                                                 const Dataset& dataset, const std::string& path,
                                                 const Progress& progress = {});

  // [origins.size(), T_out, V, P]; a window that is not in the table is evaluated.
  at::Tensor means(std::span<const int64_t> origins) const;

  // Does the file hold what this table (made in memory) holds? The number of its windows;
  // kDataLoss, kNotFound, and kRefused when it is sound but of no use any more.
  Result<int64_t> check_file(const std::string& path) const;

  // The values of one mean: T_out * V * P.
  int64_t values() const { return values_; }
  int64_t rows() const { return static_cast<int64_t>(origins_.size()); }
  std::string fingerprint() const;
  const std::vector<std::string>& notes() const { return notes_; }

  // While a Memo lives, means() of its origin answers `mean`: the forecaster evaluates a query's
  // mean once and key and alignment share it, whatever the table holds.
  class Memo {
   public:
    Memo(MeanTable& table, int64_t origin, const at::Tensor& mean);
    ~Memo();
    Memo(const Memo&) = delete;
    Memo& operator=(const Memo&) = delete;

   private:
    MeanTable& table_;
    int64_t origin_;
  };

 private:
  MeanTable(std::shared_ptr<const Model> model, const Dataset& dataset);
  void load(const std::string& path);
  Status extend(const std::string& path, const Progress& progress);
  Status save(const std::string& path) const;
  const float* row_of(int64_t origin) const;

  // Constant after open().
  std::shared_ptr<const Model> model_;
  const Dataset& dataset_;
  int64_t values_ = 0;
  storage::Receipt made_of_;
  std::vector<int64_t> origins_;  // ascending
  std::vector<float> table_;      // [origins, values]
  std::vector<std::string> notes_;
  // Guarded by memo_mutex_.
  struct Remembered {
    at::Tensor mean;
    int64_t users = 0;
  };
  mutable std::mutex memo_mutex_;
  std::map<int64_t, Remembered> memo_;
};

// The key itself: the flattened mean forecast in normalised units. Shares the table.
std::unique_ptr<retrieval::Encoder> make_forecast_encoder(std::shared_ptr<const MeanTable> table);

}  // namespace skipcast::engine
