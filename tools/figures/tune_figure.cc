#include "tools/figures/tune_figure.h"

#include <fmt/format.h>

#include <algorithm>

namespace skipcast::tools {
namespace {

FrontPoint point_of(const engine::Trial& trial, int64_t members) {
  return {trial.nfe + trial.nfe_shared / static_cast<double>(members), trial.seconds_per_query,
          trial.crps};
}

std::vector<FrontPoint> points_of(const std::map<int64_t, engine::Trial>& trials, int64_t members) {
  std::vector<FrontPoint> points;
  for (const auto& [nfe, trial] : trials) points.push_back(point_of(trial, members));
  return points;
}

}  // namespace

FrontFigure tune_figure(const engine::TuneReport& report, const std::string& task,
                        const std::string& path) {
  FrontFigure figure{.title = fmt::format("{}: skill against cost on validation windows", task),
                     .score_label = "fair CRPS (normalised units)",
                     .path = path,
                     .curves = {{"best start", points_of(report.best_per_nfe, report.members)},
                                {"cold start", points_of(report.cold_per_nfe, report.members)}}};
  int64_t windows = 0;
  for (const engine::Trial& trial : report.trials) windows = std::max(windows, trial.windows);
  for (const engine::Trial& trial : report.trials) {
    if (trial.windows == windows) figure.trials.push_back(point_of(trial, report.members));
  }
  return figure;
}

}  // namespace skipcast::tools
