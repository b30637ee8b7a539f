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

#include "engine/ensemble_statistics.h"
#include "engine/dataset.h"
#include "engine/model.h"
#include "retrieval/analog_index.h"
#include "samplers/schedule.h"
#include "storage/series_store.h"

namespace skipcast::engine {

// kShuffled is blind as kRandom is: the analogs of another, past situation.
// kRedi is the published method (engine/redi.h), for comparison. kPrevious: the same members of the
// cycle before, shifted; they are made again here, from up to `rolls` cycles back, where the first
// one starts from analogs.
enum class StartKind { kCold, kAnalog, kMean, kRandom, kPersist, kShuffled, kRedi, kPrevious };
// kLearned: a metric that `skipcast train-encoder` fitted (engine/metric_trainer.h).
enum class KeyKind { kContext, kForecast, kMixed, kLearned };
// How an analog's future is moved to the query: not at all, offset to the last observation with
// decay, residual about the mean forecasts, or the mean of offset and residual.
enum class Alignment { kNone, kOffset, kResidual, kHalf };
enum class ArchiveMode { kGrowing, kFrozen };
// What nearest analogs say of a query: how far they are (mean distance in embedding units, not
// squared), or how much their futures, moved to the query's last observation, disagree (root mean
// square of their standard deviation, normalised units).
enum class Measure { kDistance, kSpread };

struct StartOptions {
  StartKind kind = StartKind::kAnalog;
  KeyKind key = KeyKind::kContext;
  double key_mix = 0.5;               // weight of the context key in kMixed
  Alignment alignment = Alignment::kOffset;
  double decay_tau = std::numeric_limits<double>::infinity();  // lead times; kOffset and kHalf
  int64_t separation = 1;             // least distance between two analogs, in states
  int64_t pool = 0;                   // nearest analogs among which members are dealt; 0 = members
  // Of the softmax over -distance / (temperature * mean distance) by which members draw from the
  // pool; none: each analog in turn, nearest first.
  std::optional<double> temperature;
  double cold_share = 0;              // share of the members that start cold, at the same NFE
  // Standard deviation added to the entry's noise, in units of the mean forecast's own error on the
  // training part, per lead time, variable and place (METHODS section 2, row D).
  double spread = 0;
  // kRedi: the key is the state after so many of all `steps`; the depth's skipped steps end at the
  // value. Each member combines so many stored trajectories.
  int64_t redi_key_step = 1, redi_neighbours = 1;
  int64_t cycle = 1, rolls = 3;       // kPrevious: states between cycles, earlier cycles made
};

struct ForecastOptions {
  StartOptions start;
  samplers::Depth depth;              // none set: from sigma_max
  int64_t steps = 4;                  // of the solver; 0 = the start itself, no evaluation
  std::string solver = "dpmpp_2m";
  std::optional<double> noise_amount; // of a stochastic solver: its eta, S_churn, tau or repeats
  std::optional<double> noise_scale;  // of a stochastic solver: S_noise
  samplers::Spacing spacing = samplers::Spacing::kKarras;  // of the levels
  std::optional<double> rho;          // of Karras' levels; none: the task's
  // Anytime: a member is done when its last two estimates differ by no more than this, root mean
  // square in target space (where the future has deviation sigma_data); 0 = never.
  double exit_tolerance = 0;
  // How much the network is told of what happened after similar situations: of train --informed's
  // copy, or of a finisher. 1 as in training; beyond extrapolates; none: 0, nothing.
  std::optional<double> retrieval_weight;
  bool shuffled_retrieval = false;    // blind control: what happened after another situation
  // How far the chain's denoiser is moved towards that of a kernel density over the futures of
  // kGuides analogs, found and aligned as `start` says (samplers/guidance.h): 0..1, 0 = not at all.
  double guidance = 0, guidance_bandwidth = 0.5;  // bandwidth in target space
  // Factors on every member's distance from the ensemble mean, at knots evenly spaced from the
  // first lead time to the last, linear between them; none: 1 everywhere.
  std::vector<double> inflation;
  int64_t members = 32;
  uint64_t seed = 1;
  ArchiveMode archive = ArchiveMode::kGrowing;
  bool tuning_band = false;           // validation queries: the guard's extra band
  int64_t member_batch = 0;           // members solved at once; 0 = all (never changes a bit)
  bool statistics = false;            // summarise the members where they lie
  bool keep_on_device = false;        // leave the members where they were computed
};

// Starts with an analog a member, and those of them that a search finds.
bool has_analogs(StartKind kind);
bool is_retrieved(StartKind kind);

struct Timing { double encode_s = 0, search_s = 0, start_s = 0, solve_s = 0, total_s = 0; };

struct Forecast {
  int64_t origin = 0;                 // state index
  at::Tensor normalised;              // [M, T_out, V, P]
  at::Tensor members;                 // the same in physical units
  std::optional<EnsembleStatistics> statistics;  // of `members`, on the CPU, when asked for
  std::vector<retrieval::Neighbour> analogs;  // one a member (empty unless retrieved)
  retrieval::SearchPlan plan;
  std::string encoder_fingerprint;    // of the key the analogs were found by; else empty
  double entry_sigma = 0;             // 0 when no chain was run
  int64_t nfe = 0;                    // evaluations a member, without shared ones, at most
  double nfe_mean = 0;                // the same on average: less when members exit early
  double nfe_shared = 0;              // shared evaluations (mean forecasts) per query
  Timing timing;
  std::vector<std::string> notes;     // "12 analogs for 32 members: reused in turn"
};

class Forecaster {
 public:
  // Loads model and dataset where `compute` says, opens (or builds) the index of each key on
  // demand. The store must outlive it. Errors: Model::load's, and kBadInput for an archive too
  // short. An index that does not fit `memory_bytes` while it is built is kUsage.
  static Result<std::unique_ptr<Forecaster>> open(
      const storage::SeriesStore& store, const std::string& task, const Progress& progress = {},
      int64_t memory_bytes = storage::kMemoryBytesDefault, const Compute& compute = {});
  // The same with a model at hand (tests, benches): `model` belongs to `store`.
  static Result<std::unique_ptr<Forecaster>> with_model(const storage::SeriesStore& store,
                                                        std::shared_ptr<const Model> model,
                                                        const Progress& progress = {},
                                                        int64_t memory_bytes =
                                                            storage::kMemoryBytesDefault);
  virtual ~Forecaster() = default;

  // kUsage: zero members, unknown solver, noise for a solver of the ODE, sigma outside
  // [sigma_min, sigma_max], two depths.
  // kRefused: a solver that needs moment heads, or a finisher, on a model without them; retrieved
  // futures for one whose copy was not trained on them.
  // kBadInput / kNotFound: no context at that origin, inside a calendar break, in the future.
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

// "analog", "cold", ...; kUsage lists the words.
Result<StartKind> start_from(std::string_view word);
Result<KeyKind> key_from(std::string_view word);
Result<Alignment> alignment_from(std::string_view word);
Result<ArchiveMode> archive_from(std::string_view word);
Result<samplers::Spacing> spacing_from(std::string_view word);
Result<Measure> measure_from(std::string_view word);
const char* word(StartKind kind);
const char* word(KeyKind kind);
const char* word(Alignment alignment);
const char* word(ArchiveMode mode);
const char* word(samplers::Spacing spacing);
const char* word(Measure measure);

}  // namespace skipcast::engine
