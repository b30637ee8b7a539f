#include "engine/report/report_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "engine/archive/archive_check.h"
#include "engine/forecast/policy_forecast.h"
#include "engine/report/report_parts.h"

namespace skipcast::engine {
namespace {

constexpr size_t kPoliciesMax = 10, kRefusedShown = 2;  // a retrained model leaves dozens behind

// Policies tuned for the task by their files; those of other tasks are passed over.
std::vector<Policy> tuned_policies(const Forecaster& forecaster, std::string& unfit) {
  std::vector<Policy> fit;
  size_t refused = 0;
  const std::string& task = forecaster.model().task().name;
  for (const std::string& path : files_in(forecaster.store().path(), "policies", ".json")) {
    const Result<Policy> read = read_policy(path);
    if (read.ok() && read->task != task) continue;
    Result<Policy> policy = load_policy(forecaster, path);
    if (policy.ok()) {
      fit.push_back(std::move(policy).value());
    } else if (++refused <= kRefusedShown) {
      unfit += fmt::format("{}{}", unfit.empty() ? "" : " ", policy.status().message() + ".");
    }
  }
  if (refused > kRefusedShown) {
    unfit += fmt::format(" {} more policies cannot be used either.", refused - kRefusedShown);
  }
  std::stable_sort(fit.begin(), fit.end(), [&](const Policy& a, const Policy& b) {
    return (a.name == task) > (b.name == task);
  });
  if (fit.size() > kPoliciesMax) {
    unfit += fmt::format("{}{} more policies are left out; --policies names those to show.",
                         unfit.empty() ? "" : " ", fit.size() - kPoliciesMax);
    fit.resize(kPoliciesMax);
  }
  return fit;
}

std::string command(const char* verb, const Forecaster& forecaster) {
  return fmt::format("skipcast {} {} --task {}", verb, forecaster.store().path(),
                     forecaster.model().task().name);
}

// The fronts of the policies, and of a sweep named after the task.
Status read_fronts(const Forecaster& forecaster, ReportData& data) {
  std::vector<std::string> names = {forecaster.model().task().name};
  for (const Policy& policy : data.policies) names.push_back(policy.name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const auto folder = std::filesystem::path(forecaster.store().path()) / "policies";
  for (const std::string& name : names) {
    Result<std::vector<FrontTrial>> trials = read_front((folder / (name + ".front.csv")).string());
    if (trials.status().code() == Code::kNotFound) continue;
    if (!trials.ok()) return trials.status();
    if (!trials->empty()) data.fronts.push_back({name, std::move(trials).value()});
  }
  if (data.fronts.empty()) {
    data.missing.fronts = fmt::format("Nothing has been tuned yet: `{}` draws the front.",
                                      command("tune", forecaster));
  }
  return {};
}

// A part without windows is a gap in the page, not a failure; anything else is.
Status add_scores(Forecaster& forecaster, const ReportRequest& request, ReportData& data) {
  Result<ScoreFacts> scores = score_report(forecaster, request, data.policies);
  if (scores.ok()) {
    data.scores = std::move(scores).value();
    SKIPCAST_TRY(data.worst, worst_cases(forecaster, request, data));
    return {};
  }
  if (scores.status().code() != Code::kUsage) return scores.status();
  data.missing.scores = scores.status().message() + ".";
  return {};
}

Status add_query(Forecaster& forecaster, TracedModel& model, const ReportRequest& request,
                 ReportData& data) {
  Result<QueryFacts> query = query_report(forecaster, model, request, data);
  if (query.ok()) {
    data.query = std::move(query).value();
    return {};
  }
  if (request.at_s || query.status().code() != Code::kNotFound) return query.status();
  data.missing.query = query.status().message() + ".";
  return {};
}

Status add_task(const storage::SeriesStore& store, const ReportRequest& request, ReportData& data) {
  SKIPCAST_TRY(std::shared_ptr<const Model> loaded, Model::load(store, request.task));
  const auto model = std::make_shared<TracedModel>(std::move(loaded));
  SKIPCAST_TRY(data.forecaster,
               Forecaster::with_model(store, model, request.progress, request.memory_bytes));
  SKIPCAST_TRY(data.policies, report_policies(*data.forecaster, request, data.missing.policies));
  if (request.at_s) SKIPCAST_TRY_OK(data.forecaster->origin_at(*request.at_s).status());
  SKIPCAST_TRY_OK(read_fronts(*data.forecaster, data));
  SKIPCAST_TRY_OK(add_scores(*data.forecaster, request, data));
  return add_query(*data.forecaster, *model, request, data);
}

}  // namespace

Result<std::vector<Policy>> report_policies(const Forecaster& forecaster,
                                            const ReportRequest& request, std::string& unfit) {
  std::vector<Policy> policies;
  for (const std::string& name : request.policies) {
    SKIPCAST_TRY(Policy policy, load_policy(forecaster, name));
    policies.push_back(std::move(policy));
  }
  if (request.policies.empty()) policies = tuned_policies(forecaster, unfit);
  if (policies.empty()) {
    unfit += fmt::format(
        "{}No policy has been tuned for this model: `{}` makes one. Until then an "
        "untuned analog start is shown.",
        unfit.empty() ? "" : " ", command("tune", forecaster));
  }
  return policies;
}

Result<ReportData> collect_report(const storage::SeriesStore& store, const ReportRequest& request) {
  const auto begin = std::chrono::steady_clock::now();
  ReportData data;
  SKIPCAST_TRY(data.coverage, coverage_of(store, request.progress));
  if (!request.task.empty()) SKIPCAST_TRY_OK(add_task(store, request, data));
  data.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return data;
}

}  // namespace skipcast::engine
