// The Pareto front of a tuning sweep: score against cost on validation windows.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tools/markup/html.h"
#include "tools/markup/svg_chart.h"
#include "tools/report/report_sections.h"

namespace skipcast::tools {
namespace {

enum class Cost { kNfe, kMilliseconds };

double cost_of(const engine::FrontTrial& trial, Cost which) {
  return which == Cost::kNfe ? trial.nfe : std::max(0.01, 1e3 * trial.seconds_per_query);
}

// Points that no cheaper one beats, ascending cost; no blind controls.
std::vector<Point> front_of(const std::vector<engine::FrontTrial>& trials, Cost which, bool cold) {
  std::vector<Point> points;
  for (const engine::FrontTrial& trial : trials) {
    if (trial.control) continue;
    if (cold == trial.cold || !cold) points.push_back({cost_of(trial, which), trial.crps});
  }
  std::sort(points.begin(), points.end(),
            [](const Point& a, const Point& b) { return a.x != b.x ? a.x < b.x : a.y < b.y; });
  std::vector<Point> front;
  for (const Point& point : points) {
    if (front.empty() || point.y < front.back().y) front.push_back(point);
  }
  return front;
}

// The best half of the trials and all of both fronts; failures far above would squeeze them.
double highest_shown(const std::vector<engine::FrontTrial>& trials) {
  std::vector<double> crps;
  for (const engine::FrontTrial& trial : trials) crps.push_back(trial.crps);
  std::sort(crps.begin(), crps.end());
  const double half = crps[crps.size() / 2];
  return std::max(half, std::min(crps.back(), crps.front() + 4 * (half - crps.front())));
}

std::string tip(const engine::FrontTrial& trial) {
  return fmt::format("{}\n{:.3g} NFE, {:.1f} ms a query\nCRPS {:.4f}, spread/skill {:.2f}",
                     trial.start, trial.nfe, 1e3 * trial.seconds_per_query, trial.crps,
                     trial.spread_skill);
}

const char* style_of(const engine::FrontTrial& trial) {
  if (trial.control) return "control";
  if (trial.cold) return "cold";
  return trial.on_front ? "policy" : "baseline faint";
}

std::string front_figure(const std::vector<engine::FrontTrial>& trials, Cost which) {
  Extent score, cost;
  const double highest = highest_shown(trials);
  int64_t beyond = 0;
  for (const engine::FrontTrial& trial : trials) {
    beyond += trial.crps > highest;
    score.see(std::min(trial.crps, highest));
    cost.see(cost_of(trial, which));
  }
  ChartFrame frame{.name = "Pareto front"};
  const Range range = round_range(score.low(), score.high(), 5);
  frame.y = {.low = range.low, .high = range.high, .label = "fair CRPS (normalised units)"};
  frame.x = which == Cost::kNfe ? Axis{.low = -0.4,
                                       .high = std::max(1.0, cost.high()) + 0.4,
                                       .label = "NFE a member, shared ones included"}
                                : Axis{.scale = Scale::kLog,
                                       .low = cost.low() / 1.3,
                                       .high = cost.high() * 1.3,
                                       .label = "ms a query, retrieval included"};
  Chart chart(frame);
  chart.line(front_of(trials, which, true), "cold");
  chart.line(front_of(trials, which, false), "policy");
  for (const engine::FrontTrial& trial : trials) {
    if (trial.crps > highest) continue;
    chart.dot({cost_of(trial, which), trial.crps}, trial.on_front ? 5 : 3.5, style_of(trial),
              tip(trial));
  }
  std::string caption =
      "Down and left is better. The lines join what no cheaper trial beats, of "
      "all trials and of cold starts alone.";
  if (beyond > 0) {
    caption += fmt::format(" {} worse trial{} above the picture.", beyond,
                           beyond == 1 ? " lies" : "s lie");
  }
  return figure({.title = which == Cost::kNfe ? "Against evaluations" : "Against time",
                 .plot = legend({{"line policy", "front"},
                                 {"line cold", "cold starts' front"},
                                 {"dot control", "blind controls, never chosen"},
                                 {"dot baseline faint", "other trials"}}) +
                         chart.svg(),
                 .caption = caption});
}

std::string best_table(const std::vector<engine::FrontTrial>& trials) {
  std::map<double, const engine::FrontTrial*> best, cold;
  const auto keep = [](std::map<double, const engine::FrontTrial*>& of, const auto& trial) {
    const engine::FrontTrial*& known = of[std::floor(trial.nfe)];
    if (known == nullptr || trial.crps < known->crps) known = &trial;
  };
  for (const engine::FrontTrial& trial : trials) {
    if (!trial.control) keep(trial.cold ? cold : best, trial);
  }
  Table rows{
      .head = {"NFE", "best start on validation", "CRPS", "cold start", "CRPS", "ms a query"},
      .css = "words"};
  for (const auto& [nfe, trial] : best) {
    const auto other = cold.find(nfe);
    rows.rows.push_back({fmt::format("{:g}", nfe), escaped(trial->start),
                         fmt::format("{:.4f}", trial->crps),
                         other == cold.end() ? "–" : escaped(other->second->start),
                         other == cold.end() ? "–" : fmt::format("{:.4f}", other->second->crps),
                         fmt::format("{:.1f}", 1e3 * trial->seconds_per_query)});
  }
  return table(rows);
}

}  // namespace

Result<Section> front_section(const ReportInput& input) {
  Section section{.id = "front", .title = "Tuning"};
  section.missing = input.data.missing.fronts;
  for (const engine::PolicyFront& front : input.data.fronts) {
    section.body += paragraph(fmt::format(
        "{}: {} trials, each on {} windows of the validation part. The policy is chosen here, "
        "which flatters it; what it is worth stands under Scores.",
        front.policy, front.trials.size(), front.trials.front().windows));
    section.body += figures(
        {front_figure(front.trials, Cost::kNfe), front_figure(front.trials, Cost::kMilliseconds)});
    section.body += best_table(front.trials);
  }
  return section;
}

}  // namespace skipcast::tools
