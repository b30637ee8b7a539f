#include "engine/evaluation/evaluate.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "engine/evaluation/baselines.h"
#include "engine/evaluation/evaluation_file.h"
#include "engine/forecast/policy_forecast.h"
#include "retrieval/encoders/evenly_spread.h"

namespace skipcast::engine {
namespace {

using Kind = Candidate::Kind;

std::span<const float> values_of(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}

const char* part_word(Part part) {
  switch (part) {
    case Part::kTrain:
      return "train";
    case Part::kValidation:
      return "validation";
    case Part::kTest:
      return "test";
  }
  return "";
}

// Truth of a query in both units, NaN where missing: [T, V, P].
struct Truth {
  at::Tensor physical, normalised;
};

Truth truth_at(const Dataset& dataset, int64_t origin) {
  const FutureBatch future = dataset.futures({&origin, 1});
  const at::Tensor missing = future.mask[0].eq(0);
  return {dataset.observed(origin).contiguous(),
          future.values[0].masked_fill(missing, std::nan("")).cpu().contiguous()};
}

// What one candidate's sweep over the queries gathers.
struct Tally {
  ScoreTable physical, normalised;
  double nfe = 0, nfe_shared = 0, seconds = 0;
  int64_t members = 0, queries = 0;
};

Status named(const Candidate& candidate, const Status& status) {
  return {status.code(), fmt::format("{}: {}", candidate.name, status.message())};
}

class Sweep {
 public:
  Sweep(Forecaster& forecaster, const EvaluateRequest& request, std::vector<int64_t> origins,
        std::optional<size_t> saved)
      : forecaster_(forecaster),
        request_(request),
        score_(request.score),
        origins_(std::move(origins)),
        saved_(saved) {
    score_.weights = forecaster.store().schema().places.area_weights();
  }

  Result<CandidateScores> run(size_t number);

 private:
  ForecastOptions options_for(const Candidate& candidate) const;
  Status fit_baselines();
  Status prepare(const Candidate& candidate);
  Result<Forecast> forecast(const Candidate& candidate, int64_t origin);
  Status score(const Candidate& candidate, const Forecast& forecast, Tally& tally);
  CandidateScores summary(const Candidate& candidate, const Tally& tally) const;

  Forecaster& forecaster_;
  const EvaluateRequest& request_;
  ScoreOptions score_;
  std::vector<int64_t> origins_;
  std::optional<size_t> saved_;           // the candidate whose forecasts are kept
  std::unique_ptr<Baselines> baselines_;  // made when first needed
  std::unique_ptr<EvaluationFile> file_;  // of the candidate under way, when asked for
};

ForecastOptions Sweep::options_for(const Candidate& candidate) const {
  ForecastOptions options = candidate.options;
  options.members = request_.members;
  options.seed = request_.seed;
  options.archive = request_.archive;
  options.tuning_band = request_.part != Part::kTest;
  return options;
}

Status Sweep::fit_baselines() {
  if (baselines_) return {};
  SKIPCAST_TRY(baselines_, Baselines::fit(forecaster_));
  return {};
}

Status Sweep::prepare(const Candidate& candidate) {
  ForecastOptions options = options_for(candidate);
  switch (candidate.kind) {
    case Kind::kPersistence:
    case Kind::kClimatology:
    case Kind::kClimatologyEnsemble:
      return fit_baselines();
    case Kind::kPolicy:
      SKIPCAST_TRY_OK(forecaster_.prepare(distance_options(candidate.policy, options)));
      for (const PolicyBin& bin : candidate.policy.bins) {
        SKIPCAST_TRY_OK(forecaster_.prepare({bin.options, options}));
      }
      return {};
    case Kind::kAnalogRaw:
    case Kind::kAnalogAligned:
      options.start.kind = StartKind::kAnalog;
      return forecaster_.prepare(options);
    case Kind::kChain:
      return forecaster_.prepare(options);
  }
  return {};
}

Result<Forecast> Sweep::forecast(const Candidate& candidate, int64_t origin) {
  ForecastOptions options = options_for(candidate);
  switch (candidate.kind) {
    case Kind::kChain:
      return forecaster_.forecast(origin, options);
    case Kind::kPolicy:
      return forecast_by(forecaster_, candidate.policy, origin, options);
    case Kind::kPersistence:
      return baselines_->persistence(origin);
    case Kind::kClimatology:
      return baselines_->climatology(origin);
    case Kind::kClimatologyEnsemble:
      return baselines_->climatology_ensemble(origin, options);
    case Kind::kAnalogRaw:
      options.start.alignment = Alignment::kNone;
      break;
    case Kind::kAnalogAligned:
      break;
  }
  return forecaster_.analog_ensemble(origin, options);
}

Status Sweep::score(const Candidate& candidate, const Forecast& forecast, Tally& tally) {
  const Truth truth = truth_at(forecaster_.dataset(), forecast.origin);
  const at::IntArrayRef sizes = forecast.normalised.sizes();
  const ScoreShape shape = {sizes[0], sizes[1], sizes[2], sizes[3]};
  const int64_t time_s = forecaster_.store().schema().axis.time_at(forecast.origin);
  const auto row = [&](const at::Tensor& ensemble, const at::Tensor& observed) {
    return score_query(time_s, values_of(ensemble), values_of(observed), shape, score_);
  };
  Result<ScoreRow> normalised = row(forecast.normalised.contiguous(), truth.normalised);
  if (!normalised.ok()) return named(candidate, normalised.status());
  tally.normalised.add(std::move(normalised).value());
  if (request_.physical_scores) {
    Result<ScoreRow> physical = row(forecast.members.contiguous(), truth.physical);
    if (!physical.ok()) return named(candidate, physical.status());
    tally.physical.add(std::move(physical).value());
  }
  if (file_) file_->add(forecast, truth.physical);
  tally.members = sizes[0];
  tally.nfe += forecast.nfe_mean;
  tally.nfe_shared += forecast.nfe_shared;
  ++tally.queries;
  return {};
}

CandidateScores Sweep::summary(const Candidate& candidate, const Tally& tally) const {
  CandidateScores scores = {.name = candidate.name, .members = tally.members};
  const auto queries = static_cast<double>(tally.queries);
  scores.physical = tally.physical.overall();
  scores.normalised = tally.normalised.overall();
  if (request_.physical_scores) {
    const int64_t leads = forecaster_.model().task().spec.future_states;
    for (int64_t l = 0; l < leads; ++l) scores.leads.push_back(tally.physical.at_lead(l));
  }
  scores.nfe = tally.nfe / queries;
  scores.nfe_shared = tally.nfe_shared / queries;
  scores.seconds_per_query = tally.seconds / queries;
  scores.normalised_rows = tally.normalised;
  scores.physical_rows = tally.physical;
  return scores;
}

Result<CandidateScores> Sweep::run(size_t number) {
  const Candidate& candidate = request_.candidates[number];
  if (const Status ready = prepare(candidate); !ready.ok()) return named(candidate, ready);
  // Once unscored: caches and allocators warm up outside the timing.
  const Result<Forecast> warm_up = forecast(candidate, origins_.front());
  if (!warm_up.ok()) return named(candidate, warm_up.status());
  if (saved_ == number) {
    file_ = std::make_unique<EvaluationFile>(request_.save_path, forecaster_,
                                             warm_up->members.size(0), candidate.name);
  }
  Tally tally;
  const double queries = static_cast<double>(origins_.size());
  for (size_t q = 0; q < origins_.size(); ++q) {
    const auto begin = std::chrono::steady_clock::now();
    const Result<Forecast> made = forecast(candidate, origins_[q]);
    tally.seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (!made.ok()) return named(candidate, made.status());
    SKIPCAST_TRY_OK(score(candidate, *made, tally));
    const double done =
        (double(number) + double(q + 1) / queries) / double(request_.candidates.size());
    if (!tell(request_.progress,
              {done, "evaluate",
               fmt::format("{}, query {} of {}", candidate.name, q + 1, origins_.size())})) {
      return Status(Code::kInterrupted, "evaluation stopped");
    }
  }
  if (file_) SKIPCAST_TRY_OK(std::exchange(file_, nullptr)->finish(tally.physical));
  return summary(candidate, tally);
}

Status compare(const CandidateScores& reference, CandidateScores& scores) {
  SKIPCAST_TRY(
      scores.crps_difference,
      paired_difference(scores.normalised_rows, reference.normalised_rows, Metric::kCrpsFair));
  SKIPCAST_TRY(
      scores.energy_difference,
      paired_difference(scores.normalised_rows, reference.normalised_rows, Metric::kEnergyFair));
  return {};
}

bool any_observed(const Dataset& dataset, int64_t origin) {
  return dataset.contexts({&origin, 1}).mask.any().item<bool>() &&
         dataset.futures({&origin, 1}).mask.any().item<bool>();
}

// The number of the candidate whose forecasts are saved, if any are.
Result<std::optional<size_t>> saved_row(const EvaluateRequest& request) {
  if (request.save_path.empty()) return std::optional<size_t>();
  if (request.save_row.empty()) return std::optional<size_t>(0);
  std::string names;
  for (size_t i = 0; i < request.candidates.size(); ++i) {
    const Candidate& each = request.candidates[i];
    const bool policy = each.kind == Kind::kPolicy && each.policy.name == request.save_row;
    if (each.name == request.save_row || policy) return std::optional<size_t>(i);
    names += fmt::format("{}'{}'", names.empty() ? "" : ", ", each.name);
  }
  return usage(fmt::format("no row is called '{}'; there are {}", request.save_row, names));
}

}  // namespace

Result<Part> part_from(std::string_view word) {
  for (const Part part : {Part::kTrain, Part::kValidation, Part::kTest}) {
    if (part_word(part) == word) return part;
  }
  return usage(fmt::format("no part is called '{}'; there are train, validation, test", word));
}

std::vector<int64_t> strided_origins(const Forecaster& forecaster, Part part) {
  const Task& task = forecaster.dataset().task();
  const int64_t stride = std::max<int64_t>(1, task.evaluate_stride);
  std::vector<int64_t> strided;
  int64_t number = 0;
  for (const int64_t origin :
       part_origins(forecaster.store().schema().axis, task, forecaster.model().split(), part)) {
    if (number++ % stride == 0) strided.push_back(origin);
  }
  return strided;
}

std::vector<int64_t> observed_of(const Forecaster& forecaster, std::vector<int64_t> origins) {
  std::erase_if(origins, [&dataset = forecaster.dataset()](int64_t origin) {
    return !any_observed(dataset, origin);
  });
  return origins;
}

std::vector<int64_t> scored_origins(const Forecaster& forecaster, Part part, int64_t windows_max) {
  std::vector<int64_t> chosen = strided_origins(forecaster, part);
  if (windows_max > 0) chosen = retrieval::evenly_spread(chosen, windows_max);
  return observed_of(forecaster, std::move(chosen));
}

Result<Evaluation> evaluate(Forecaster& forecaster, const EvaluateRequest& request) {
  if (request.candidates.empty()) return usage("nothing to evaluate: name at least one start");
  if (request.members < 1) return usage("an ensemble needs at least 1 member");
  if (!request.save_path.empty() && !request.physical_scores) {
    return usage("a file of forecasts needs the physical scores");
  }
  SKIPCAST_TRY(const std::optional<size_t> saved, saved_row(request));
  const at::NoGradGuard no_grad;
  std::vector<int64_t> origins = request.origins.empty()
                                     ? scored_origins(forecaster, request.part, request.windows_max)
                                     : request.origins;
  const Task& task = forecaster.model().task();
  if (origins.empty()) {
    return usage(fmt::format("task {} has no observed window in its {} part", task.name,
                             part_word(request.part)));
  }
  Evaluation evaluation = {.task = task.name,
                           .part = part_word(request.part),
                           .archive_mode = word(request.archive),
                           .model_fingerprint = forecaster.model().fingerprint(),
                           .windows = static_cast<int64_t>(origins.size()),
                           .members = request.members};
  Sweep sweep(forecaster, request, std::move(origins), saved);
  for (size_t number = 0; number < request.candidates.size(); ++number) {
    SKIPCAST_TRY(CandidateScores scores, sweep.run(number));
    evaluation.rows.push_back(std::move(scores));
    if (evaluation.windows >= 2) {
      SKIPCAST_TRY_OK(compare(evaluation.rows.front(), evaluation.rows.back()));
    }
  }
  return evaluation;
}

}  // namespace skipcast::engine
