// Scores with intervals, and score against cost on the part that is only reported.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/markup/html.h"
#include "tools/report/report_sections.h"
#include "tools/report/report_view.h"

namespace skipcast::tools {
namespace {

using Role = engine::ScoredSystem::Role;

// Evaluations a member, its share of those all members share included.
double cost(const engine::ScoredSystem& system) {
  const auto members = static_cast<double>(std::max<int64_t>(1, system.scores.members));
  return system.scores.nfe + system.scores.nfe_shared / members;
}

std::string nfe_html(const engine::ScoredSystem& system) {
  std::string text = fmt::format("{:.3g}", system.scores.nfe);
  if (system.scores.nfe_shared > 0) text += fmt::format(" + {:.2g}", system.scores.nfe_shared);
  return text;
}

std::string mean_html(const engine::ScoredSystem& system) {
  const std::string mean = number_html(system.scores.physical.crps_fair);
  if (system.crps.queries == 0) return mean;
  return fmt::format("{} <small>[{}, {}]</small>", mean, number_html(system.crps.low),
                     number_html(system.crps.high));
}

// A difference drawn beside its number: zero in the middle, the interval as a line.
std::string whisker(const engine::Difference& difference, double percent_max,
                    const std::string& css) {
  if (difference.queries == 0) return "";
  const auto px = [&](double percent) {
    return 60 + 56 * std::clamp(percent / percent_max, -1.0, 1.0);
  };
  return fmt::format(
      "<svg class=\"whisker\" viewBox=\"0 0 120 14\" aria-hidden=\"true\"><path class=\"axis\" "
      "d=\"M60 0V14\"/><path class=\"line {0}\" d=\"M{1:.1f} 7H{2:.1f}\"/><circle "
      "class=\"dot {0}\" cx=\"{3:.1f}\" cy=\"7\" r=\"3\"/></svg>",
      css, px(difference.percent_low()), px(difference.percent_high()), px(difference.percent()));
}

// Differences beyond this are drawn at the edge: one bad baseline must not squeeze the rest.
double whisker_range(const engine::ScoreFacts& scores) {
  double widest = 2;
  for (const engine::ScoredSystem& system : scores.systems) {
    if (system.role == Role::kBaseline || system.scores.crps_difference.queries == 0) continue;
    widest = std::max({widest, std::abs(system.scores.crps_difference.percent_low()),
                       std::abs(system.scores.crps_difference.percent_high())});
  }
  return std::min(widest, 40.0);
}

std::string score_table(const ReportInput& input) {
  const engine::ScoreFacts& scores = input.data.scores;
  const std::string unit = escaped(target_unit(input));
  const double range = whisker_range(scores);
  Table rows{
      .head = {"", "NFE", "ms a query", "CRPS, " + unit, "against the first row", "",
               "against cold at equal NFE", "MAE, " + unit, "RMSE, " + unit, "spread / skill"},
      .css = "scores"};
  for (const engine::ScoredSystem& system : scores.systems) {
    const bool compared = system.role != Role::kReference;
    const engine::Difference& difference = system.scores.crps_difference;
    const std::string css = role_css(system.role);
    rows.rows.push_back(
        {fmt::format("<i class=\"swatch dot {}\"></i>{}", css, escaped(system.scores.name)),
         nfe_html(system), fmt::format("{:.1f}", 1e3 * system.scores.seconds_per_query),
         mean_html(system), compared ? difference_html(difference) : "",
         compared ? whisker(difference, range, css) : "",
         system.cold < 0 ? "" : difference_html(system.against_cold),
         number_html(system.scores.physical.mae), number_html(system.scores.physical.rmse),
         system.scores.members < 2 ? "–"
                                   : fmt::format("{:.2f}", system.scores.normalised.spread_skill)});
    rows.row_css.push_back(css);
  }
  return table(rows);
}

// One row a target when there are several: pooled physical scores mix units.
std::string target_table(const ReportInput& input) {
  const engine::Task& task = input.data.forecaster->model().task();
  if (task.variables.size() < 2) return "";
  Table rows{.head = {"fair CRPS by target"}};
  for (const engine::ScoredSystem& system : input.data.scores.systems) {
    rows.head.push_back(escaped(system.scores.name));
  }
  const storage::Schema& schema = input.store.schema();
  for (size_t v = 0; v < task.variables.size(); ++v) {
    const auto number = static_cast<size_t>(schema.variable_index(task.variables[v]));
    std::vector<std::string> cells = {fmt::format("{} ({})", escaped(task.variables[v]),
                                                  escaped(schema.variables[number].units))};
    for (const engine::ScoredSystem& system : input.data.scores.systems) {
      cells.push_back(
          number_html(system.scores.physical_rows.overall(static_cast<int64_t>(v)).crps_fair));
    }
    rows.rows.push_back(std::move(cells));
  }
  return table(rows) + paragraph(
                           "With several targets, physical scores in the table above pool "
                           "different units: read the percentages there, which are "
                           "normalised, and the values here.");
}

std::string system_tip(const engine::ScoredSystem& system, const std::string& unit) {
  return fmt::format("{}\n{:.3g} NFE, {:.1f} ms a query\nCRPS {} {}\n{} % [{}, {}]",
                     system.scores.name, cost(system), 1e3 * system.scores.seconds_per_query,
                     number_html(system.scores.physical.crps_fair), unit,
                     signed_html(system.scores.crps_difference.percent()),
                     signed_html(system.scores.crps_difference.percent_low()),
                     signed_html(system.scores.crps_difference.percent_high()));
}

enum class Cost { kNfe, kMilliseconds };

// Nothing at all is drawn at half an evaluation: the axis is logarithmic.
double cost_shown(const engine::ScoredSystem& system, Cost which) {
  return which == Cost::kNfe ? std::max(0.5, cost(system))
                             : std::max(0.01, 1e3 * system.scores.seconds_per_query);
}

Axis cost_axis(const Extent& costs, Cost which) {
  Axis axis{.scale = Scale::kLog,
            .low = costs.low() / 1.5,
            .high = costs.high() * 1.5,
            .label = "ms a query, retrieval included"};
  if (which == Cost::kMilliseconds) return axis;
  axis.label = "NFE a member, its share of shared ones included";
  axis.ticks = {{0.5, "0"}, {1, "1"}, {2, "2"},   {3, "3"},
                {4, "4"},   {6, "6"}, {10, "10"}, {35, "35"}};
  return axis;
}

std::string cost_figure(const ReportInput& input, Cost which) {
  std::vector<const engine::ScoredSystem*> drawn;
  Extent score, costs;
  for (const engine::ScoredSystem& system : input.data.scores.systems) {
    if (system.role == Role::kBaseline || system.role == Role::kControl) continue;
    drawn.push_back(&system);
    costs.see(cost_shown(system, which));
    score.see(system.scores.crps_difference.percent_low());
    score.see(system.scores.crps_difference.percent_high());
  }
  score.see(0);
  const Range range = round_range(score.low(), score.high(), 5);
  ChartFrame frame{.name = "score against cost",
                   .x = cost_axis(costs, which),
                   .y = {.low = range.low,
                         .high = range.high,
                         .label = "CRPS against the cold start with 35 NFE (%)"}};
  Chart chart(frame);
  chart.rule_y(0, "level");
  for (const engine::ScoredSystem* system : drawn) {
    const engine::Difference& difference = system->scores.crps_difference;
    const double at = cost_shown(*system, which);
    const std::string css = role_css(system->role);
    chart.whisker(at, difference.percent_low(), difference.percent_high(), css);
    chart.dot({at, difference.percent()}, 5, css, system_tip(*system, target_unit(input)));
  }
  return figure({.title = which == Cost::kNfe ? "Score against evaluations" : "Score against time",
                 .plot = legend({{"dot policy", "tuned start"},
                                 {"dot cold", "cold start"},
                                 {"dot reference", "cold start, 35 NFE"}}) +
                         chart.svg(),
                 .caption = "Down and left is better. Lines are paired 95 % intervals; one that "
                            "crosses 0 cannot be told apart from the cold start with 35 "
                            "evaluations."});
}

std::string words(const engine::ScoreFacts& scores) {
  return paragraph(fmt::format(
      "{} windows of the {} part, evenly spaced, init times {} to {}; {} members; archive {}. The "
      "part is only reported: nothing here was used to choose anything. CRPS and energy score are "
      "fair (unbiased for the ensemble's size). Percentages compare the normalised CRPS, paired by "
      "window, with 95 % intervals by block bootstrap; an interval without 0 tells two systems "
      "apart. NFE: network evaluations a member, + those all members share; time includes "
      "retrieval, on this machine as busy as it was.",
      scores.windows, scores.part, time_html(scores.first_s), time_html(scores.last_s),
      scores.members, scores.archive_mode));
}

}  // namespace

std::string target_unit(const ReportInput& input) {
  const std::string& name = input.data.forecaster->model().task().variables.front();
  const storage::Schema& schema = input.store.schema();
  return schema.variables[static_cast<size_t>(schema.variable_index(name))].units;
}

std::string role_css(Role role) {
  switch (role) {
    case Role::kReference:
      return "reference";
    case Role::kPolicy:
    case Role::kStart:
      return "policy";
    case Role::kCold:
      return "cold";
    case Role::kControl:
      return "control";
    case Role::kBaseline:
      return "baseline";
  }
  return "";
}

std::string difference_html(const engine::Difference& difference) {
  if (difference.queries == 0) return "–";
  return fmt::format("<b>{} %</b> <small>[{}, {}]</small>", signed_html(difference.percent()),
                     signed_html(difference.percent_low()), signed_html(difference.percent_high()));
}

std::string verdict(const engine::Difference& difference) {
  if (!difference.significant()) return "cannot be told apart from";
  return difference.mean < 0 ? "is better than" : "is worse than";
}

Result<Section> score_section(const ReportInput& input) {
  Section section{.id = "scores", .title = "Scores"};
  const engine::ScoreFacts& scores = input.data.scores;
  section.missing = input.data.missing.scores;
  if (scores.systems.empty()) return section;
  section.body = words(scores);
  if (!input.data.missing.policies.empty()) section.body += notice(input.data.missing.policies);
  section.body += score_table(input) + target_table(input);
  if (scores.windows >= 2) {
    section.body +=
        figures({cost_figure(input, Cost::kNfe), cost_figure(input, Cost::kMilliseconds)});
  }
  return section;
}

}  // namespace skipcast::tools
