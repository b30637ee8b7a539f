// The figures everybody asks for first.
#include <fmt/format.h>

#include <cmath>

#include "tools/markup/html.h"
#include "tools/report/report_sections.h"

namespace skipcast::tools {
namespace {

struct Tile {
  std::string figure, name, note;  // HTML, text, HTML
};

std::string tiles(const std::vector<Tile>& each) {
  std::string text = "<div class=\"tiles\">\n";
  for (const Tile& tile : each) {
    text += fmt::format("<div class=\"tile\"><b>{}</b><span>{}</span><small>{}</small></div>\n",
                        tile.figure, escaped(tile.name), tile.note);
  }
  return text + "</div>\n";
}

std::string percent_html(const engine::Difference& difference) {
  return difference.queries == 0 ? "–" : signed_html(difference.percent()) + " %";
}

std::string interval_html(const engine::Difference& difference) {
  if (difference.queries == 0) return "too few windows for an interval";
  return fmt::format("95 %: {} to {} %", signed_html(difference.percent_low()),
                     signed_html(difference.percent_high()));
}

// A query's time: three digits are more than it is worth.
std::string milliseconds(const engine::ScoredSystem& system) {
  const double value = 1e3 * system.scores.seconds_per_query;
  return value < 1000 ? fmt::format("{:.3g}", value) : fmt::format("{:.0f}", value);
}

std::string sentence(const engine::ScoreFacts& scores) {
  const engine::ScoredSystem& shown = scores.systems[scores.shown];
  const engine::ScoredSystem& reference = scores.systems.front();
  if (shown.cold < 0) return "";
  const engine::ScoredSystem& cold = scores.systems[static_cast<size_t>(shown.cold)];
  return fmt::format(
      "With {:.3g} network evaluations a member{}, {} {} a cold start with {:.3g}, and {} a cold "
      "start with {:.3g}, by fair CRPS on {} windows of the {} part.",
      shown.scores.nfe, shown.scores.nfe_shared > 0 ? " and one that all share" : "",
      shown.scores.name, verdict(shown.against_cold), cold.scores.nfe,
      verdict(shown.scores.crps_difference), reference.scores.nfe, scores.windows, scores.part);
}

}  // namespace

std::string headline(const ReportInput& input) {
  const engine::ScoreFacts& scores = input.data.scores;
  if (scores.systems.empty()) return "";
  const engine::ScoredSystem& shown = scores.systems[scores.shown];
  const engine::ScoredSystem& reference = scores.systems.front();
  const std::string unit = escaped(target_unit(input));
  std::vector<Tile> each = {
      {fmt::format("{} <em>{}</em>", number_html(shown.scores.physical.crps_fair), unit),
       "fair CRPS",
       shown.crps.queries == 0 ? std::string()
                               : fmt::format("95 %: {} to {}", number_html(shown.crps.low),
                                             number_html(shown.crps.high))},
      {percent_html(shown.scores.crps_difference), "CRPS against a cold start with 35 NFE",
       interval_html(shown.scores.crps_difference)}};
  if (shown.cold >= 0) {
    const engine::ScoredSystem& cold = scores.systems[static_cast<size_t>(shown.cold)];
    each.push_back({percent_html(shown.against_cold),
                    fmt::format("CRPS against a cold start with {:.3g} NFE", cold.scores.nfe),
                    interval_html(shown.against_cold)});
  }
  each.push_back({milliseconds(shown) + " <em>ms</em>",
                  fmt::format("a query of {} members, retrieval included", scores.members),
                  fmt::format("cold start with 35 NFE: {} ms", milliseconds(reference))});
  each.push_back({fmt::format("{:.2f}", shown.scores.normalised.spread_skill), "spread / skill",
                  "1 is calibrated, less is too sure"});
  return "<p class=\"lead\">" + escaped(sentence(scores)) + "</p>\n" + tiles(each);
}

}  // namespace skipcast::tools
