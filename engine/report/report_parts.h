// The parts report_data.cc is made of. Internal to engine.
#pragma once

#include <vector>

#include "engine/models/traced_model.h"
#include "engine/report/report_data.h"

namespace skipcast::engine {

// The policies named, or those of the task that fit its model, the task's own first; a sentence for
// each that does not fit. Errors: load_policy's, for named ones only.
Result<std::vector<Policy>> report_policies(const Forecaster& forecaster,
                                            const ReportRequest& request, std::string& unfit);

// Scores of the policies (or an untuned analog start), cold starts at no fewer NFE, a blind control
// and baselines on the test part. kUsage when nothing was observed there.
Result<ScoreFacts> score_report(Forecaster& forecaster, const ReportRequest& request,
                                const std::vector<Policy>& policies);

// The worst windows of the system shown, at least a window's length apart.
Result<std::vector<WorstCase>> worst_cases(Forecaster& forecaster, const ReportRequest& request,
                                           const ReportData& data);

// Init time of the scored window with the median CRPS of the system shown; 0 without windows.
int64_t median_window_s(const ScoreFacts& scores);

// One query, its analogs and its chains. `model` is the forecaster's.
Result<QueryFacts> query_report(Forecaster& forecaster, TracedModel& model,
                                const ReportRequest& request, const ReportData& data);

// By the first policy, or else by the untuned start.
Result<Forecast> forecast_shown(Forecaster& forecaster, const std::vector<Policy>& policies,
                                int64_t origin, const ForecastOptions& base);

// Members, seed and archive of the request; else the defaults of `forecast`, and an entry sigma
// that the schedule allows.
ForecastOptions untuned_options(const Forecaster& forecaster, const ReportRequest& request);

}  // namespace skipcast::engine
