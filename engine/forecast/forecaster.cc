#include "engine/forecast/forecaster.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <chrono>
#include <optional>

#include "engine/forecast/alignment.h"
#include "engine/forecast/analog_search.h"
#include "engine/forecast/denoiser_stack.h"
#include "engine/forecast/network_choice.h"
#include "engine/forecast/query.h"
#include "engine/forecast/reverse_chain.h"
#include "engine/forecast/start_table.h"
#include "engine/keys/analog_keys.h"
#include "engine/keys/key_table.h"

namespace skipcast::engine {
namespace {

class Stopwatch {
 public:
  // Seconds since the last lap (or construction).
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - lap_).count();
    lap_ = now;
    return seconds;
  }

 private:
  std::chrono::steady_clock::time_point lap_ = std::chrono::steady_clock::now();
};

class ArchiveForecaster : public Forecaster {
 public:
  ArchiveForecaster(const storage::SeriesStore& store, std::shared_ptr<const Model> model,
                    std::unique_ptr<Dataset> dataset, const Progress& progress,
                    int64_t memory_bytes)
      : progress_(progress),
        store_(store),
        model_(std::move(model)),
        dataset_(std::move(dataset)),
        keys_(model_, *dataset_, progress, memory_bytes) {}

  Result<Forecast> forecast(int64_t origin, const ForecastOptions& options) override;
  Result<Forecast> forecast_by(int64_t origin, const ForecastOptions& nearest, Measure by,
                               const Choose& choose) override;
  Result<Forecast> analog_ensemble(int64_t origin, const ForecastOptions& options) override;
  Result<double> measure(int64_t origin, const ForecastOptions& options, Measure by) override;
  Result<int64_t> origin_at(int64_t time_s) const override;
  Status prepare(const ForecastOptions& options) override;

  const Model& model() const override { return *model_; }
  const Dataset& dataset() const override { return *dataset_; }
  const storage::SeriesStore& store() const override { return store_; }

 private:
  // What to run for a query: fixed options, or a policy's choice.
  using Decide = std::function<Result<ForecastOptions>(Query& query)>;

  Result<Forecast> ensemble(int64_t origin, const Decide& decide);
  Result<Chain> chain_of(const ForecastOptions& options) const;
  Result<double> measure(Query& query, const ForecastOptions& nearest, Measure by);
  Result<MemberAnalogs> lookup(Query& query, const NetworkChoice& choice,
                               const ForecastOptions& options);
  Status put_stack_around(Query& query, const ForecastOptions& options);
  StartScene scene(const Chain& chain, const ForecastOptions& options) {
    return {keys_, *this, memory_, progress_, chain, options};
  }
  Result<EntryState> entry_state(const Chain& chain, const Query& query, const MemberAnalogs& found,
                                 const ForecastOptions& options);
  void hand_out(Forecast& forecast, const ForecastOptions& options) const;

  // Constant after construction (keys_ and memory_ synchronise themselves).
  Progress progress_;
  const storage::SeriesStore& store_;
  std::shared_ptr<const Model> model_;
  std::unique_ptr<Dataset> dataset_;
  AnalogKeys keys_;
  StartMemory memory_;
};

// From a query to an ensemble: the program's main job, top to bottom.
Result<Forecast> ArchiveForecaster::ensemble(int64_t origin, const Decide& decide) {
  const at::NoGradGuard no_grad;
  Stopwatch total, watch;
  Forecast forecast = {.origin = origin};

  // Normalise: the context in normalised units.
  SKIPCAST_TRY(Query query, query_at(*dataset_, origin));

  // Encode: the network sees the context once; its mean forecast is shared by all members.
  SKIPCAST_TRY(const ForecastOptions options, decide(query));
  SKIPCAST_TRY(const Chain chain, chain_of(options));
  SKIPCAST_TRY(const NetworkChoice choice, choose_network(*model_, chain, options));
  if (chain.solver.needs_moments) query.moments = model_->condition_moments(query.context);
  if (needs_mean(choice, options)) evaluate_mean(*model_, query);
  forecast.nfe_shared =
      double(shared_evaluations(chain)) + (query.mean.defined() ? double(model_->networks()) : 0);
  forecast.timing.encode_s = watch.lap();

  // Search: one analog a member, under the leakage guard.
  SKIPCAST_TRY(MemberAnalogs found, find_analogs(keys_, query, options));
  forecast.timing.search_s = watch.lap();

  // The network that makes the members, conditioned on what happened after similar situations.
  SKIPCAST_TRY(const MemberAnalogs known, lookup(query, choice, options));
  forecast.timing.search_s += watch.lap();
  if (choice.copy) {
    query.denoise = {denoiser_for(*dataset_, *model_, query, choice, known.analogs)};
    forecast.notes.push_back(describe(choice, options));
  } else {
    query.denoise = base_of(*model_, query);
    if (chain.solver.needs_moments) query.denoise.resize(1);  // whose moment heads they are
  }
  SKIPCAST_TRY_OK(put_stack_around(query, options));
  forecast.timing.encode_s += watch.lap();

  // Fetch futures and align them to the query.
  SKIPCAST_TRY(EntryState entry, entry_state(chain, query, found, options));
  forecast.timing.start_s = watch.lap();

  // Start and solve: noise of the entry's size, then the rest of the reverse chain.
  const Solved solved = run_chain(chain, *model_, query, entry, options);
  forecast.normalised = inflated(solved.ensemble, options.inflation);
  forecast.timing.solve_s = watch.lap();

  // De-normalise, and back from the device.
  hand_out(forecast, options);

  forecast.entry_sigma = chain.entry.sigma;
  forecast.nfe = evaluations(chain);
  forecast.nfe_mean = solved.evaluations;
  for (const auto& notes : {entry.notes, remarks(*model_, chain, options), found.notes}) {
    forecast.notes.insert(forecast.notes.end(), notes.begin(), notes.end());
  }
  forecast.analogs = std::move(found.analogs);
  forecast.plan = found.plan;
  forecast.encoder_fingerprint = found.encoder_fingerprint;
  forecast.timing.total_s = total.lap();
  return forecast;
}

// Members in physical units, where the options want them.
void ArchiveForecaster::hand_out(Forecast& forecast, const ForecastOptions& options) const {
  forecast.members = dataset_->denormalise(forecast.normalised, forecast.origin);
  if (options.statistics) forecast.statistics = on_cpu(ensemble_statistics(forecast.members));
  if (!options.keep_on_device) {
    forecast.members = forecast.members.cpu();
    forecast.normalised = forecast.normalised.cpu();
  }
}

Result<Forecast> ArchiveForecaster::forecast(int64_t origin, const ForecastOptions& options) {
  SKIPCAST_TRY_OK(chain_of(options).status());  // before any work
  return ensemble(origin, [&options](Query&) -> Result<ForecastOptions> { return options; });
}

Result<Forecast> ArchiveForecaster::forecast_by(int64_t origin, const ForecastOptions& nearest,
                                                Measure by, const Choose& choose) {
  return ensemble(origin, [&](Query& query) -> Result<ForecastOptions> {
    SKIPCAST_TRY(const double measured, measure(query, nearest, by));
    return choose(measured);
  });
}

// The chain, if the model can run it.
Result<Chain> ArchiveForecaster::chain_of(const ForecastOptions& options) const {
  SKIPCAST_TRY(Chain chain, chain_for(model_->task(), options));
  SKIPCAST_TRY_OK(choose_network(*model_, chain, options).status());
  if (!chain.solver.needs_moments || model_->can(kMomentHeads)) return chain;
  return refused(
      fmt::format("{} needs a model with moment heads: run  skipcast train {} --task {} "
                  "--moments",
                  chain.solver.name, store_.path(), model_->task().name));
}

// What the network is conditioned on; nothing where it is not.
Result<MemberAnalogs> ArchiveForecaster::lookup(Query& query, const NetworkChoice& choice,
                                                const ForecastOptions& options) {
  if (choice.weight == 0) return MemberAnalogs();
  return find_analogs(keys_, query, lookup_options(choice.copy->info, options));
}

// The chain's denoisers with what the options want around them.
Status ArchiveForecaster::put_stack_around(Query& query, const ForecastOptions& options) {
  const auto futures = [&](const ForecastOptions& of) -> Result<at::Tensor> {
    SKIPCAST_TRY(const MemberAnalogs found, find_analogs(keys_, query, of));
    return moved_futures(keys_, query, found.origins(), of.start);
  };
  for (samplers::Denoiser& denoise : query.denoise) {
    SKIPCAST_TRY(denoise, stacked(std::move(denoise), {*model_, query, options, futures}));
  }
  return {};
}

// What members are entered from, as the start makes it.
Result<EntryState> ArchiveForecaster::entry_state(const Chain& chain, const Query& query,
                                                  const MemberAnalogs& found,
                                                  const ForecastOptions& options) {
  EntryState entry;
  if (options.start.added_noise > 0) {
    SKIPCAST_TRY(entry.added_noise, keys_.mean_error());
    entry.added_noise = entry.added_noise * options.start.added_noise;
  }
  const StartRow* const start = find_start(options.start.kind);
  if (start->enter == nullptr) return entry;
  SKIPCAST_TRY_OK(start->enter(scene(chain, options), query, found, entry));
  return entry;
}

Result<Forecast> ArchiveForecaster::analog_ensemble(int64_t origin,
                                                    const ForecastOptions& options) {
  ForecastOptions start_only = options;
  start_only.start.kind = StartKind::kAnalog;
  start_only.steps = 0;
  start_only.depth = {};
  return forecast(origin, start_only);
}

Result<double> ArchiveForecaster::measure(Query& query, const ForecastOptions& nearest,
                                          Measure by) {
  SKIPCAST_TRY_OK(check_members(nearest));
  ForecastOptions analog = nearest;
  analog.start.kind = StartKind::kAnalog;
  if (find_key(analog.start.key)->needs_mean) evaluate_mean(*model_, query);
  SKIPCAST_TRY(const MemberAnalogs found, find_analogs(keys_, query, analog));
  const std::vector<int64_t> origins = found.origins();
  double sum = 0;
  for (const retrieval::Neighbour& each : found.analogs) sum += each.distance;
  if (by == Measure::kDistance) return sum / static_cast<double>(origins.size());
  const StartOptions offset = {.alignment = Alignment::kOffset};
  const at::Tensor futures = aligned_futures(*dataset_, nullptr, query, origins, offset);
  return futures.var(0, /*unbiased=*/false).mean().sqrt().item<double>();
}

Result<double> ArchiveForecaster::measure(int64_t origin, const ForecastOptions& options,
                                          Measure by) {
  const at::NoGradGuard no_grad;
  SKIPCAST_TRY(Query query, query_at(*dataset_, origin));
  return measure(query, options, by);
}

Status ArchiveForecaster::prepare(const ForecastOptions& options) {
  SKIPCAST_TRY(const Chain chain, chain_of(options));  // before any work
  const StartRow* const start = find_start(options.start.kind);
  if (start->searches) SKIPCAST_TRY_OK(keys_.index(options.start).status());
  for (const ForecastOptions& search : searches_of_stack(options)) {
    SKIPCAST_TRY_OK(keys_.index(search.start).status());
  }
  if (options.start.added_noise > 0) SKIPCAST_TRY_OK(keys_.mean_error().status());
  SKIPCAST_TRY(const NetworkChoice choice, choose_network(*model_, chain, options));
  if (choice.weight > 0) {
    SKIPCAST_TRY_OK(keys_.index(lookup_options(choice.copy->info, options).start).status());
  }
  if (start->prepare != nullptr) SKIPCAST_TRY_OK(start->prepare(scene(chain, options)));
  if (needs_mean(choice, options)) return keys_.means().status();
  return {};
}

Result<int64_t> ArchiveForecaster::origin_at(int64_t time_s) const {
  SKIPCAST_TRY(const int64_t origin, store_.schema().axis.index_of(time_s));
  SKIPCAST_TRY_OK(check_origin(*dataset_, origin));
  return origin;
}

}  // namespace

Result<std::unique_ptr<Forecaster>> Forecaster::with_model(const storage::SeriesStore& store,
                                                           std::shared_ptr<const Model> model,
                                                           const Progress& progress,
                                                           int64_t memory_bytes) {
  const Task& task = model->task();
  SKIPCAST_TRY(std::unique_ptr<Dataset> dataset,
               Dataset::load(store, task, model->normalizer(), kDatasetBytesMax, model->compute()));
  if (dataset->states() < task.spec.context_states) {
    return bad_input(fmt::format("the archive {} has {} states; task {} needs a context of {}",
                                 store.path(), dataset->states(), task.name,
                                 task.spec.context_states));
  }
  return std::unique_ptr<Forecaster>(std::make_unique<ArchiveForecaster>(
      store, std::move(model), std::move(dataset), progress, memory_bytes));
}

Result<std::unique_ptr<Forecaster>> Forecaster::open(const storage::SeriesStore& store,
                                                     const std::string& task,
                                                     const Progress& progress, int64_t memory_bytes,
                                                     const Compute& compute) {
  SKIPCAST_TRY(std::shared_ptr<const Model> model, Model::load(store, task, compute));
  return with_model(store, std::move(model), progress, memory_bytes);
}

}  // namespace skipcast::engine
