#include "engine/forecast/policy_forecast.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "engine/forecast/network_choice.h"
#include "engine/forecast/start_table.h"
#include "engine/keys/key_table.h"
#include "engine/keys/metric_file.h"

namespace skipcast::engine {
namespace {

std::string folder_of(const Forecaster& forecaster) {
  return (std::filesystem::path(forecaster.store().path()) / "policies").string();
}

std::string names_in(const std::string& folder) {
  std::string names;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    if (entry.path().extension() != ".json") continue;
    names += (names.empty() ? "" : ", ") + entry.path().stem().string();
  }
  return names.empty() ? "none yet: run skipcast tune" : names;
}

std::string path_of(const Forecaster& forecaster, const std::string& name_or_path) {
  const bool is_path =
      name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".json");
  return is_path ? name_or_path : folder_of(forecaster) + "/" + name_or_path + ".json";
}

// Do its words name something?
Status check_words(const Policy& policy, const std::string& path) {
  Status known = key_from(policy.distance_key.view()).status();
  for (size_t i = 0; known.ok() && i < policy.bins.size(); ++i) {
    known = check_names(policy.bins[i].options.start);
  }
  if (known.ok()) return known;
  return {known.code(), fmt::format("{}: {}", path, known.message())};
}

// Does the model have the copies that the policy was tuned with?
Status check_copies(const Model& model, const Policy& policy, const std::string& path) {
  for (const auto& [name, fingerprint] : policy.copies) {
    const CopyKind* kind = find_copy_kind(name);
    if (kind == nullptr) continue;
    SKIPCAST_TRY(const std::shared_ptr<const ModelCopy> copy, model.copy(kind->name));
    if (copy->info.fingerprint == fingerprint) continue;
    return refused(
        fmt::format("{} was tuned for another {} network of task {} (it was trained "
                    "again since?): run skipcast tune",
                    path, kind->name, policy.task));
  }
  return {};
}

}  // namespace

void bind_copies(const Model& model, Policy& policy) {
  policy.copies.clear();
  for (const PolicyBin& bin : policy.bins) {
    const CopyKind* kind = copy_for(ForecastOptions{bin.options, {}});
    if (kind == nullptr) continue;
    const auto copy = model.copy(kind->name);
    SKIPCAST_CHECK(copy.ok());  // the bin's trial ran it
    policy.copies[kind->name] = (*copy)->info.fingerprint;
  }
}

Result<ForecastOptions> choose_for(Forecaster& forecaster, const Policy& policy, int64_t origin,
                                   const ForecastRequest& request) {
  if (is_fixed(policy)) return choose(policy, 0, request);
  SKIPCAST_TRY(const double measured,
               forecaster.measure(origin, distance_options(policy, request), policy.measure));
  return choose(policy, measured, request);
}

Result<Forecast> forecast_by(Forecaster& forecaster, const Policy& policy, int64_t origin,
                             const ForecastRequest& request) {
  if (policy.bins.empty()) return usage("the policy has no bins");
  if (is_fixed(policy)) return forecaster.forecast(origin, choose(policy, 0, request));
  return forecaster.forecast_by(origin, distance_options(policy, request), policy.measure,
                                [&](double measured) { return choose(policy, measured, request); });
}

Result<Policy> load_policy(const Forecaster& forecaster, const std::string& name_or_path) {
  const std::string path = path_of(forecaster, name_or_path);
  Result<Policy> policy = read_policy(path);
  if (policy.status().code() == Code::kNotFound) {
    return not_found(
        fmt::format("no policy {}; the archive has: {}", path, names_in(folder_of(forecaster))));
  }
  if (!policy.ok()) return policy;
  SKIPCAST_TRY_OK(check_words(*policy, path));
  if (policy->archive_id != forecaster.store().store_id()) {
    return refused(
        fmt::format("{} was tuned on another archive: run skipcast tune on this one", path));
  }
  if (policy->model_fingerprint != forecaster.model().fingerprint()) {
    return refused(
        fmt::format("{} was tuned for another model of task {} (it was trained again "
                    "since?): run skipcast tune",
                    path, policy->task));
  }
  SKIPCAST_TRY_OK(check_copies(forecaster.model(), *policy, path));
  if (!uses_metric(*policy) || policy->metric_fingerprint.empty()) return policy;
  SKIPCAST_TRY(const std::string metric,
               metric_fingerprint(forecaster.store(), forecaster.model()));
  if (policy->metric_fingerprint != metric) {
    return refused(
        fmt::format("{} was tuned with another learned metric of task {} (it was "
                    "trained again since?): run skipcast tune",
                    path, policy->task));
  }
  return policy;
}

}  // namespace skipcast::engine
