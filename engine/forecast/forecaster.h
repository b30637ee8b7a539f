// From a query to an ensemble: normalise, encode, search, fetch futures, start, solve,
// de-normalise. Forecaster::forecast() reads top to bottom.
//
// Same seed, same bits, for any batch size, thread count or process split on one CPU type.
// Thread safety: forecast() may run from several threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/forecast/ensemble_statistics.h"
#include "engine/models/model.h"
#include "engine/settings/forecast_options.h"
#include "retrieval/search/analog_index.h"
#include "samplers/schedule.h"
#include "storage/series/series_store.h"

namespace skipcast::engine {

// Wall seconds of one query; total_s also holds what the parts leave out.
struct Timing {
  double encode_s = 0, search_s = 0, start_s = 0, solve_s = 0, total_s = 0;
};

struct Forecast {
  int64_t origin = 0;                            // state index
  at::Tensor normalised;                         // [M, T_out, V, P]
  at::Tensor members;                            // the same in physical units
  std::optional<EnsembleStatistics> statistics;  // of `members`, on the CPU, when asked for
  std::vector<retrieval::Neighbour> analogs;     // one a member (empty unless retrieved)
  retrieval::SearchPlan plan;
  std::string encoder_fingerprint;  // of the key the analogs were found by; else empty
  double entry_sigma = 0;           // 0 when no chain was run
  int64_t nfe = 0;                  // evaluations a member, without shared ones, at most
  double nfe_mean = 0;              // the same on average: less when members exit early
  double nfe_shared = 0;            // shared evaluations (mean forecasts) per query
  Timing timing;
  std::vector<std::string> notes;  // "12 analogs for 32 members: reused in turn"
};

class Forecaster {
 public:
  // Loads model and dataset where `compute` says, opens (or builds) the index of each key on
  // demand. The store must outlive it. `progress` is kept and called later, too, from whichever
  // thread first needs an index or mean forecasts: what it refers to must live as long. Errors:
  // Model::load's, and kBadInput for an archive too short. An index that does not fit
  // `memory_bytes` (bytes) while it is built is kUsage.
  static Result<std::unique_ptr<Forecaster>> open(
      const storage::SeriesStore& store, const std::string& task, const Progress& progress = {},
      int64_t memory_bytes = storage::kMemoryBytesDefault, const Compute& compute = {});
  // The same with a model at hand (tests, benches): `model` belongs to `store`.
  static Result<std::unique_ptr<Forecaster>> with_model(
      const storage::SeriesStore& store, std::shared_ptr<const Model> model,
      const Progress& progress = {}, int64_t memory_bytes = storage::kMemoryBytesDefault);
  virtual ~Forecaster() = default;

  // An ensemble of options.members from the window that ends at state `origin`, on the CPU unless
  // keep_on_device.
  // kUsage: zero members, unknown solver, noise for a solver of the ODE, sigma outside
  // [sigma_min, sigma_max], two depths.
  // kRefused: a solver that needs moment heads, or a one-step model, on a model without them;
  // retrieved futures for one whose copy was not trained on them. kBadInput / kNotFound: no context
  // at that origin, inside a calendar break, in the future.
  virtual Result<Forecast> forecast(int64_t origin, const ForecastOptions& options) = 0;
  // The same with options that depend on the query's nearest analogs: `choose` gets what
  // measure(origin, nearest, by) says. Context and mean forecast are evaluated once for both.
  // Policies use it.
  using Choose = std::function<ForecastOptions(double measured)>;
  virtual Result<Forecast> forecast_by(int64_t origin, const ForecastOptions& nearest, Measure by,
                                       const Choose& choose) = 0;
  // Origin index of an init time; kNotFound names the archive's span, kBadInput a break.
  virtual Result<int64_t> origin_at(int64_t time_s) const = 0;

  // The analog ensemble of the baselines: the aligned futures themselves, no chain.
  virtual Result<Forecast> analog_ensemble(int64_t origin, const ForecastOptions& options) = 0;
  // This measure of the query's nearest options.members analogs by options.start's key.
  virtual Result<double> measure(int64_t origin, const ForecastOptions& options, Measure by) = 0;
  // Opens or builds what forecasts with these options need (indexes, mean forecasts), so that the
  // first forecast is not the slow one. kInterrupted when the progress of open() says stop.
  virtual Status prepare(const ForecastOptions& options) = 0;

  virtual const Model& model() const = 0;
  virtual const Dataset& dataset() const = 0;
  virtual const storage::SeriesStore& store() const = 0;
};

}  // namespace skipcast::engine
