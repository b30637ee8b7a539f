// Is the ensemble to be believed? Rank histograms, spread against error, CRPS by lead time.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tools/markup/html.h"
#include "tools/report/report_sections.h"
#include "tools/report/report_view.h"

namespace skipcast::tools {
namespace {

constexpr int64_t kLeadChoices = 8;

class Calibration {
 public:
  explicit Calibration(const ReportInput& input)
      : scores_(input.data.scores),
        unit_(lead_unit(input.store.schema().axis)),
        shown_(scores_.systems[scores_.shown]) {
    value_unit_ = target_unit(input);
  }

  std::string html() const { return figures({rank_figure(), spread_figure(), crps_figure()}); }

 private:
  using Leads = std::vector<engine::Scores>;
  using NamedScore = std::pair<std::string, double engine::Scores::*>;

  // The system shown, the cold start at equal NFE, the reference.
  std::vector<const engine::ScoredSystem*> compared() const {
    std::vector<const engine::ScoredSystem*> each = {&shown_};
    if (shown_.cold >= 0) each.push_back(&scores_.systems[static_cast<size_t>(shown_.cold)]);
    each.push_back(&scores_.systems.front());
    return each;
  }

  std::vector<LegendEntry> keys(const std::string& kind) const {
    std::vector<LegendEntry> entries;
    for (const engine::ScoredSystem* system : compared()) {
      entries.push_back({kind + " " + role_css(system->role), system->scores.name});
    }
    return entries;
  }

  double lead_at(size_t lead) const { return static_cast<double>(lead + 1) * unit_.per_state; }

  Axis lead_axis() const {
    const Leads& leads = shown_.scores.leads;
    const double low = lead_at(0), high = lead_at(leads.size() - 1);
    return {.low = low,
            .high = high > low ? high : low + unit_.per_state,
            .label = fmt::format("lead time ({})", unit_.name)};
  }

  std::vector<Point> by_lead(const engine::ScoredSystem& system,
                             double engine::Scores::*which) const {
    std::vector<Point> points;
    for (size_t lead = 0; lead < system.scores.leads.size(); ++lead) {
      points.push_back({lead_at(lead), system.scores.leads[lead].*which});
    }
    return points;
  }

  // Hover texts of these scores, a lead time each.
  void add_columns(Chart& chart, const std::vector<NamedScore>& shown) const {
    for (size_t lead = 0; lead < shown_.scores.leads.size(); ++lead) {
      std::string tip = lead_text(unit_, static_cast<int64_t>(lead + 1));
      for (const engine::ScoredSystem* system : compared()) {
        tip += "\n" + system->scores.name + ":";
        for (const auto& [name, which] : shown) {
          tip += fmt::format(" {} {}", name, number_html(system->scores.leads[lead].*which));
        }
      }
      chart.column(lead_at(lead) - unit_.per_state / 2, lead_at(lead) + unit_.per_state / 2, tip);
    }
  }

  std::string histogram(const engine::ScoredSystem& system, const std::vector<int64_t>& ranks,
                        double share_max) const {
    const double total = std::accumulate(ranks.begin(), ranks.end(), 0.0);
    const auto classes = static_cast<double>(ranks.size());
    ChartFrame frame{
        .name = "rank histogram of " + system.scores.name, .width = 300, .height = 190};
    frame.x = {.low = 0,
               .high = classes,
               .label = "rank of what came",
               .ticks = {{0.5, "below all"}, {classes - 0.5, "above all"}}};
    frame.x.ticks = {{classes * 0.12, "below all"}, {classes * 0.88, "above all"}};
    frame.y = {.low = 0, .high = share_max, .label = "share, 1 = flat"};
    Chart chart(frame);
    for (size_t i = 0; i < ranks.size() && total > 0; ++i) {
      const double share = static_cast<double>(ranks[i]) / total * classes;
      chart.bar(
          static_cast<double>(i), static_cast<double>(i + 1), share, role_css(system.role),
          fmt::format("{} members below: {:.2f} of a flat share\n{} values", i, share, ranks[i]));
    }
    chart.rule_y(1, "level");
    return fmt::format("<div class=\"histogram\"><h5>{}</h5>{}</div>\n",
                       escaped(system.scores.name), chart.svg());
  }

  static double highest_share(const std::vector<int64_t>& ranks) {
    const double total = std::accumulate(ranks.begin(), ranks.end(), 0.0);
    const auto most = *std::max_element(ranks.begin(), ranks.end());
    return total > 0 ? static_cast<double>(most) * static_cast<double>(ranks.size()) / total : 1;
  }

  // All systems with one vertical scale; lead -1 = all lead times.
  std::string histograms(int64_t lead) const {
    const auto ranks = [&](const engine::ScoredSystem& system) -> const std::vector<int64_t>& {
      return lead < 0 ? system.scores.physical.ranks
                      : system.scores.leads[static_cast<size_t>(lead)].ranks;
    };
    double most = 1.5;
    for (const engine::ScoredSystem* system : compared()) {
      most = std::max(most, highest_share(ranks(*system)));
    }
    const double top = round_range(0, std::min(most, 6.0), 4).high;
    std::string text = "<div class=\"histograms\">\n";
    for (const engine::ScoredSystem* system : compared()) {
      text += histogram(*system, ranks(*system), top);
    }
    return text + "</div>\n";
  }

  std::string rank_figure() const {
    std::vector<Choice> each = {{"all lead times", histograms(-1)}};
    const auto leads = static_cast<int64_t>(shown_.scores.leads.size());
    const int64_t count = std::min(leads, kLeadChoices);
    for (int64_t i = 0; i < count && leads > 1; ++i) {
      const int64_t lead = i * (leads - 1) / std::max<int64_t>(1, count - 1);
      each.push_back({lead_text(unit_, lead + 1), histograms(lead)});
    }
    return figure({.title = "Rank histograms",
                   .plot = choices("rank", "Lead time", Control::kSlider, each),
                   .caption = "How many members lay below what came; flat is calibrated. Heaped "
                              "ends (∪): too sure. A heap in the middle (∩): too wide. A slope: "
                              "biased. Bars beyond 6 are cut off.",
                   .wide = true});
  }

  std::string spread_figure() const {
    Extent extent;
    for (const engine::ScoredSystem* system : compared()) {
      extent.see(by_lead(*system, &engine::Scores::rmse));
      extent.see(by_lead(*system, &engine::Scores::spread));
    }
    ChartFrame frame{.name = "spread and error by lead time",
                     .x = lead_axis(),
                     .y = axis_over(extent, "spread, RMSE (" + value_unit_ + ")")};
    Chart chart(frame);
    for (const engine::ScoredSystem* system : compared()) {
      chart.line(by_lead(*system, &engine::Scores::rmse), role_css(system->role));
      chart.line(by_lead(*system, &engine::Scores::spread), role_css(system->role) + " dashed");
    }
    add_columns(chart, {{"spread", &engine::Scores::spread}, {"RMSE", &engine::Scores::rmse}});
    return figure({.title = "Spread against error",
                   .plot = legend(keys("line")) + chart.svg(),
                   .caption = "Solid: RMSE of the ensemble's mean. Dashed: spread of the members. "
                              "In a calibrated ensemble the two lie on each other; a dashed line "
                              "below its solid one is too sure."});
  }

  std::string crps_figure() const {
    Extent extent;
    for (const engine::ScoredSystem* system : compared()) {
      extent.see(by_lead(*system, &engine::Scores::crps_fair));
    }
    ChartFrame frame{.name = "CRPS by lead time",
                     .x = lead_axis(),
                     .y = axis_over(extent, "fair CRPS (" + value_unit_ + ")")};
    Chart chart(frame);
    for (const engine::ScoredSystem* system : compared()) {
      chart.line(by_lead(*system, &engine::Scores::crps_fair), role_css(system->role));
    }
    add_columns(chart, {{"CRPS", &engine::Scores::crps_fair}});
    return figure({.title = "CRPS by lead time",
                   .plot = legend(keys("line")) + chart.svg(),
                   .caption = "Lower is better. Where the lines part tells at which lead times the "
                              "start helps or hurts."});
  }

  const engine::ScoreFacts& scores_;
  LeadUnit unit_;
  const engine::ScoredSystem& shown_;
  std::string value_unit_;
};

}  // namespace

Result<Section> calibration_section(const ReportInput& input) {
  Section section{.id = "calibration", .title = "Calibration"};
  section.missing = input.data.missing.scores;
  if (input.data.scores.systems.empty()) return section;
  section.body = paragraph(fmt::format("The same {} windows of the {} part, in physical units.",
                                       input.data.scores.windows, input.data.scores.part));
  section.body += Calibration(input).html();
  return section;
}

}  // namespace skipcast::tools
