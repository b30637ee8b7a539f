#include "engine/tuning/trial_runner.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "engine/keys/metric_file.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kVariogramPairs = 64;

}  // namespace

WindowDraw draw_of(const TuneRequest& request, WindowRole role) {
  const bool chooses = role == WindowRole::kChoosing;
  return {role, chooses ? request.windows : request.confirm_windows, request.seed};
}

TrialContext context_of(const Forecaster& forecaster, const TuneRequest& request) {
  const Model& model = forecaster.model();
  TrialContext context = {.archive_id = forecaster.store().store_id(),
                          .model_fingerprint = model.fingerprint(),
                          .metric_fingerprint = usable_metric(forecaster.store(), model),
                          .members = request.members,
                          .seed = request.seed,
                          .archive = request.archive,
                          .objective = word(request.objective)};
  for (const CopyKind& kind : copy_kinds()) {
    const auto copy = model.copy(kind.name);
    if (copy.ok()) context.copies[kind.name] = (*copy)->info.fingerprint;
  }
  return context;
}

double TrialRunner::fraction() const {
  return std::min(1.0, spent_s_ / (request_.budget_minutes * 60));
}

const std::vector<int64_t>& TrialRunner::origins(const On& windows) {
  const auto [at, fresh] = origins_.try_emplace({windows.role, windows.count});
  if (fresh) {
    at->second =
        drawn_origins(forecaster_, Part::kValidation, {windows.role, windows.count, request_.seed});
  }
  return at->second;
}

bool TrialRunner::knows(const Setting& options, const On& windows) const {
  return log_.find(options, windows.count, windows.role).has_value();
}

Result<Trial> TrialRunner::trial(const Setting& options, const On& windows) {
  if (std::optional<Trial> known = log_.find(options, windows.count, windows.role)) {
    ++reused_;
    return *std::move(known);
  }
  const auto begin = std::chrono::steady_clock::now();
  SKIPCAST_TRY(Trial trial, run(options, windows));
  SKIPCAST_TRY_OK(log_.add(trial));
  spent_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return trial;
}

Result<Trial> TrialRunner::run(const Setting& options, const On& windows) {
  const EvaluateRequest request = {
      .part = Part::kValidation,
      .origins = origins(windows),
      .members = request_.members,
      .seed = request_.seed,
      .archive = request_.archive,
      .candidates = {{.name = describe(options), .options = {options, {}}}},
      .score = {.pairs_max = kVariogramPairs},
      .physical_scores = false,
      .progress = [this](const ProgressStep& step) {
        return tell(request_.progress, {fraction(), "tune", step.detail});
      }};
  SKIPCAST_CHECK(!request.origins.empty());
  SKIPCAST_TRY(const Evaluation evaluation, evaluate(forecaster_, request));
  const CandidateScores& row = evaluation.rows.front();
  Trial trial = trial_of(options, row.normalised_rows, request_.objective);
  trial.windows = windows.count;
  trial.role = windows.role;
  trial.nfe = row.nfe;
  trial.nfe_shared = row.nfe_shared;
  trial.seconds_per_query = row.seconds_per_query;
  return trial;
}

}  // namespace skipcast::engine
