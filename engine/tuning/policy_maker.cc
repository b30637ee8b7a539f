#include "engine/tuning/policy_maker.h"

#include <fmt/format.h>

#include <limits>

#include "engine/forecast/policy_forecast.h"
#include "engine/keys/metric_file.h"
#include "engine/tuning/policy_fit.h"
#include "engine/tuning/trial_runner.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kMeasuredAnalogs = 8;

}  // namespace

Policy PolicyMaker::unbinned() const {
  return {.name = request_.name,
          .task = forecaster_.model().task().name,
          .archive_id = forecaster_.store().store_id(),
          .model_fingerprint = forecaster_.model().fingerprint(),
          .metric_fingerprint = usable_metric(forecaster_.store(), forecaster_.model()),
          .distance_k = kMeasuredAnalogs};
}

// Policies that measure a query differently.
std::vector<Policy> PolicyMaker::measures(const StartOptions& start) const {
  Policy policy = unbinned();
  if (start.kind != StartKind::kAnalog) return {policy};
  policy.distance_key = start.key;
  policy.distance_mix = start.key_mix;
  std::vector<Policy> kinds(2, policy);
  kinds[1].measure = Measure::kDisagreement;
  if (start.key == KeyKind::kContext) return kinds;
  kinds.push_back(policy);
  kinds.back().distance_key = KeyKind::kContext;
  return kinds;
}

Result<Measured> PolicyMaker::measure(const Policy& policy, WindowRole role) {
  const ForecastOptions options =
      distance_options(policy, {.archive = request_.archive, .tuning_band = true});
  Measured found;
  const storage::TimeAxis& axis = forecaster_.store().schema().axis;
  for (const int64_t origin :
       drawn_origins(forecaster_, Part::kValidation, draw_of(request_, role))) {
    SKIPCAST_TRY(found[axis.time_at(origin)], forecaster_.measure(origin, options, policy.measure));
  }
  return found;
}

Result<Policy> PolicyMaker::best(std::span<const Trial> trials) {
  const StartOptions start = single_choice(trials, request_.members).options.start;
  Policy best;
  double confirmed = std::numeric_limits<double>::infinity();
  std::vector<Policy> kinds = measures(start);
  const FitRequest fit_request = {.members = request_.members,
                                  .schedule = forecaster_.model().task().schedule,
                                  .measures = static_cast<int64_t>(kinds.size())};
  for (Policy& policy : kinds) {
    Measured measured;
    if (start.kind == StartKind::kAnalog) {
      SKIPCAST_TRY(measured, measure(policy, WindowRole::kChoosing));
    }
    PolicyFit fit = fit_policy(trials, measured, fit_request);
    const double score = mean_of(fit.confirming);
    if (!best.bins.empty() && !(score < confirmed)) continue;
    confirmed = score;
    policy.bins = std::move(fit.bins);
    policy.depth = fit.depth;
    validate(trials, measured, policy);
    best = std::move(policy);
  }
  bind_copies(forecaster_.model(), best);
  return best;
}

Policy PolicyMaker::fixed(const Trial& trial) const {
  Policy policy = unbinned();
  policy.validation_crps = trial.crps;
  policy.validation_energy = trial.energy;
  policy.mean_nfe = trial.nfe;
  policy.bins = {{std::numeric_limits<double>::infinity(), trial.options}};
  bind_copies(forecaster_.model(), policy);
  return policy;
}

Result<std::string> PolicyMaker::save_one(const Trial& trial, const std::string& word,
                                          const std::string& folder) const {
  Policy policy = fixed(trial);
  policy.name += "-" + word;
  SKIPCAST_TRY_OK(save(policy, fmt::format("{}/{}.json", folder, policy.name)));
  return policy.name;
}

Result<std::vector<std::string>> PolicyMaker::save_fixed(const std::map<int64_t, Trial>& trials,
                                                         const char* word,
                                                         const std::string& folder) const {
  std::vector<std::string> names;
  for (const auto& [nfe, trial] : trials) {
    SKIPCAST_TRY(std::string name, save_one(trial, fmt::format("{}{}", word, nfe), folder));
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace skipcast::engine
