// Which systems a report scores, and how they compare.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/evaluation/candidates.h"
#include "engine/report/report_parts.h"

namespace skipcast::engine {
namespace {

using Kind = Candidate::Kind;
using Role = ScoredSystem::Role;

constexpr size_t kWorstCases = 4;

struct Entrant {
  Role role;
  Candidate candidate;
  int64_t cold_nfe = 0;  // of the cold start it is compared with; 0 = none
};

Candidate named(std::string name, Candidate candidate) {
  candidate.name = std::move(name);
  return candidate;
}

// Evaluations a cold start may have beside this policy: no fewer than its own, at least one.
int64_t cold_nfe(const Policy& policy) {
  int64_t steps_max = 1;
  for (const PolicyBin& bin : policy.bins) steps_max = std::max(steps_max, bin.options.steps);
  if (policy.mean_nfe <= 0) return policy.bins.size() == 1 ? steps_max : 1;
  return std::max<int64_t>(1, std::llround(std::ceil(policy.mean_nfe)));
}

// The start that figures show, its analogs replaced by past windows drawn blindly, and its nearest
// analogs as they are.
void add_controls(const ForecastOptions& shown, std::vector<Entrant>& entrants) {
  const auto add = [&](Role role, const char* name, Candidate candidate) {
    entrants.push_back({role, named(name, std::move(candidate))});
  };
  add(Role::kControl, "control: random past windows", blind_control(shown));
  add(Role::kBaseline, "baseline: nearest analogs, as they were",
      candidate_of(Kind::kAnalogRaw, shown));
  add(Role::kBaseline, "baseline: persistence", candidate_of(Kind::kPersistence, shown));
  add(Role::kBaseline, "baseline: same hours of past weeks",
      candidate_of(Kind::kClimatologyEnsemble, shown));
}

std::vector<Entrant> entrants_of(const Forecaster& forecaster, const ReportRequest& request,
                                 const std::vector<Policy>& policies) {
  const ForecastOptions untuned = untuned_options(forecaster, request);
  std::vector<Entrant> entrants = {
      {Role::kReference, named("cold start, 35 NFE (Heun)", cold_reference())}};
  std::map<int64_t, Candidate> colds;
  const auto add = [&](Role role, Candidate candidate, int64_t nfe) {
    entrants.push_back({role, std::move(candidate), nfe});
    colds.emplace(nfe, named(fmt::format("cold start, {} NFE", nfe), cold_start(nfe)));
  };
  for (const Policy& policy : policies) {
    add(Role::kPolicy, policy_candidate(policy), cold_nfe(policy));
  }
  if (policies.empty()) {
    Candidate start{.name = "untuned analog start", .options = untuned};
    add(Role::kStart, std::move(start), untuned.steps);
  }
  for (auto& [nfe, candidate] : colds) entrants.push_back({Role::kCold, candidate, nfe});
  const Setting& shown = policies.empty() ? untuned : policies.front().bins.front().options;
  add_controls(ForecastOptions{shown, {}}, entrants);
  return entrants;
}

// The mean itself with its interval: the difference from a system without loss.
Result<Difference> mean_with_interval(const ScoreTable& table) {
  const std::vector<Contribution> shares = table.contributions(Metric::kCrpsFair);
  std::vector<Contribution> none = shares;
  for (Contribution& share : none) share.sum = 0;
  return paired_difference(shares, none);
}

Status compare(const std::vector<Entrant>& entrants, ScoreFacts& facts) {
  for (size_t i = 0; i < entrants.size(); ++i) {
    ScoredSystem& system = facts.systems[i];
    SKIPCAST_TRY(system.crps, mean_with_interval(system.scores.physical_rows));
    if (system.role == Role::kCold || entrants[i].cold_nfe == 0) continue;
    for (size_t c = 0; c < entrants.size(); ++c) {
      const bool equal =
          entrants[c].role == Role::kCold && entrants[c].cold_nfe == entrants[i].cold_nfe;
      if (!equal) continue;
      system.cold = static_cast<int64_t>(c);
      SKIPCAST_TRY(system.against_cold,
                   paired_difference(system.scores.normalised_rows,
                                     facts.systems[c].scores.normalised_rows, Metric::kCrpsFair));
    }
  }
  return {};
}

// CRPS of each window, ascending origins; NaN where nothing was observed.
std::vector<double> crps_by_window(const ScoredSystem& system) {
  std::vector<double> crps;
  for (const Contribution& share : system.scores.physical_rows.contributions(Metric::kCrpsFair)) {
    crps.push_back(share.weight > 0 ? share.sum / share.weight : std::nan(""));
  }
  return crps;
}

// The place where the ensemble's mean is farthest off, over lead times and targets.
int64_t worst_place(const Dataset& dataset, const Forecast& forecast) {
  const at::Tensor error = (forecast.members.mean(0) - dataset.observed(forecast.origin)).abs();
  const at::Tensor by_place = error.nanmean(at::IntArrayRef({0, 1}));
  return by_place.nan_to_num(-1).argmax().item<int64_t>();
}

}  // namespace

Result<ScoreFacts> score_report(Forecaster& forecaster, const ReportRequest& request,
                                const std::vector<Policy>& policies) {
  std::vector<Entrant> entrants = entrants_of(forecaster, request, policies);
  EvaluateRequest wanted = {.part = Part::kTest,
                            .windows_max = request.windows,
                            .members = request.members,
                            .seed = request.seed,
                            .score = {.pairs_max = 0},
                            .progress = request.progress};
  for (const Entrant& entrant : entrants) wanted.candidates.push_back(entrant.candidate);
  SKIPCAST_TRY(Evaluation evaluation, evaluate(forecaster, wanted));
  ScoreFacts facts = {.part = evaluation.part,
                      .archive_mode = evaluation.archive_mode,
                      .windows = evaluation.windows,
                      .members = evaluation.members,
                      .shown = 1};
  for (size_t i = 0; i < entrants.size(); ++i) {
    facts.systems.push_back({.role = entrants[i].role, .scores = std::move(evaluation.rows[i])});
  }
  const std::vector<ScoreRow>& rows = facts.systems.front().scores.physical_rows.rows();
  facts.first_s = rows.front().origin;
  facts.last_s = rows.back().origin;
  if (facts.windows >= 2) SKIPCAST_TRY_OK(compare(entrants, facts));
  return facts;
}

int64_t median_window_s(const ScoreFacts& scores) {
  if (scores.systems.empty()) return 0;
  const ScoredSystem& system = scores.systems[scores.shown];
  const std::vector<double> crps = crps_by_window(system);
  std::vector<size_t> order;
  for (size_t i = 0; i < crps.size(); ++i) {
    if (!std::isnan(crps[i])) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return crps[a] < crps[b]; });
  return system.scores.physical_rows.rows()[order[order.size() / 2]].origin;
}

Result<std::vector<WorstCase>> worst_cases(Forecaster& forecaster, const ReportRequest& request,
                                           const ReportData& data) {
  const ScoredSystem& shown = data.scores.systems[data.scores.shown];
  const std::vector<double> crps = crps_by_window(shown);
  const std::vector<double> reference = crps_by_window(data.scores.systems.front());
  std::vector<size_t> order;
  for (size_t i = 0; i < crps.size(); ++i) {
    if (!std::isnan(crps[i])) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return crps[a] > crps[b]; });
  const int64_t span = forecaster.model().task().spec.span();
  std::vector<WorstCase> worst;
  for (const size_t at : order) {
    if (worst.size() == kWorstCases) break;
    SKIPCAST_TRY(const int64_t origin,
                 forecaster.origin_at(shown.scores.physical_rows.rows()[at].origin));
    const bool near = std::any_of(worst.begin(), worst.end(), [&](const WorstCase& other) {
      return std::abs(other.forecast.origin - origin) < span;
    });
    if (near) continue;
    SKIPCAST_TRY(Forecast forecast, forecast_shown(forecaster, data.policies, origin,
                                                   untuned_options(forecaster, request)));
    const int64_t place = worst_place(forecaster.dataset(), forecast);
    worst.push_back({std::move(forecast), crps[at], reference[at], place});
  }
  return worst;
}

}  // namespace skipcast::engine
