// Data coverage: what was observed when, and what the values are.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/markup/html.h"
#include "tools/markup/svg_map.h"
#include "tools/report/report_sections.h"
#include "tools/report/report_view.h"
#include "tools/terminal/text.h"

namespace skipcast::tools {
namespace {

constexpr size_t kVariablesMax = 24;
constexpr double kWidth = 960, kLeft = 130, kRight = 950, kTop = 26, kRow = 18;

struct Grade {
  double least;
  const char* css;
  const char* text;
};
constexpr Grade kGrades[] = {{0.995, "full", "99.5 % or more observed"},
                             {0.9, "most", "90 %"},
                             {0.5, "half", "50 %"},
                             {1e-9, "few", "less"},
                             {-1, "none", "nothing"}};

const Grade& grade_of(double share) {
  return *std::find_if(std::begin(kGrades), std::end(kGrades),
                       [&](const Grade& grade) { return share >= grade.least; });
}

// Neighbours of one grade become one bar: most archives are whole for years.
struct Run {
  size_t first, end;
  double share;
};
std::vector<Run> runs_of(const std::vector<double>& shares) {
  std::vector<Run> runs;
  for (size_t bin = 0; bin < shares.size(); ++bin) {
    const bool goes_on = !runs.empty() && &grade_of(runs.back().share) == &grade_of(shares[bin]);
    if (!goes_on) {
      runs.push_back({bin, bin + 1, shares[bin]});
      continue;
    }
    Run& run = runs.back();
    const auto bins = static_cast<double>(bin - run.first);
    run.share = (run.share * bins + shares[bin]) / (bins + 1);
    run.end = bin + 1;
  }
  return runs;
}

class Strip {
 public:
  explicit Strip(const ReportInput& input) : input_(input), coverage_(input.data.coverage) {}

  std::string svg() const {
    const size_t rows = std::min(coverage_.observed.size(), kVariablesMax);
    const double bottom = kTop + static_cast<double>(rows) * kRow;
    std::string text = fmt::format(
        "<svg class=\"chart wide\" viewBox=\"0 0 {} {:.0f}\" "
        "role=\"img\" aria-label=\"share of values observed\">\n",
        kWidth, bottom + 24);
    text += parts(bottom);
    for (size_t v = 0; v < rows; ++v) text += row(v);
    return text + ticks(bottom) + "</svg>\n";
  }

 private:
  int64_t time_s(int64_t state) const { return input_.store.schema().axis.time_at(state); }
  double px(int64_t state) const {
    return kLeft + (kRight - kLeft) * static_cast<double>(state) /
                       static_cast<double>(coverage_.summary.states);
  }
  int64_t bin_first(size_t bin) const {
    return bin < coverage_.bin_first.size() ? coverage_.bin_first[bin] : coverage_.summary.states;
  }

  std::string row(size_t v) const {
    const double top = kTop + static_cast<double>(v) * kRow;
    const std::string& name = input_.store.schema().variables[v].name;
    std::string text = fmt::format("<text class=\"tick end\" x=\"{}\" y=\"{:.1f}\">{}</text>\n",
                                   kLeft - 8, top + 13, escaped(name));
    for (const Run& run : runs_of(coverage_.observed[v])) {
      const int64_t first = bin_first(run.first), end = bin_first(run.end);
      const std::string tip =
          fmt::format("{}\n{} to {}\n{:.1f} % observed", name, time_html(time_s(first)),
                      time_html(time_s(end - 1)), 100 * run.share);
      text += fmt::format(
          "<rect class=\"cover {}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
          "height=\"{}\" data-tip=\"{}\"/>\n",
          grade_of(run.share).css, px(first), top + 2, px(end) - px(first), kRow - 4, escaped(tip));
    }
    return text;
  }

  // Where training ends and validation ends.
  std::string parts(double bottom) const {
    if (input_.data.forecaster == nullptr) return "";
    const engine::Split& split = input_.data.forecaster->model().split();
    std::string text;
    const std::pair<int64_t, const char*> starts[] = {
        {0, "training"}, {split.train_end, "validation"}, {split.validation_end, "test"}};
    for (const auto& [state, name] : starts) {
      text += fmt::format(
          "<path class=\"rule origin\" d=\"M{0:.1f} 6V{1:.1f}\"/>"
          "<text class=\"note\" x=\"{2:.1f}\" y=\"16\">{3}</text>\n",
          px(state), bottom, px(state) + 4, name);
    }
    return text;
  }

  std::string ticks(double bottom) const {
    std::string text;
    const int64_t low = time_s(0), high = time_s(coverage_.summary.states - 1);
    for (const Tick& tick : time_ticks(low, high, 10)) {
      const double at = kLeft + (kRight - kLeft) * (tick.at - static_cast<double>(low)) /
                                    std::max(1.0, static_cast<double>(high - low));
      text += fmt::format("<text class=\"tick middle\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", at,
                          bottom + 18, escaped(tick.text));
    }
    return text;
  }

  const ReportInput& input_;
  const engine::Coverage& coverage_;
};

std::string gap_html(const ReportInput& input, const storage::Gap& gap) {
  if (gap.states == 0) return "none";
  const storage::Schema& schema = input.store.schema();
  std::string text =
      fmt::format("{} states <small>{}", gap.states, time_html(schema.axis.time_at(gap.first)));
  if (gap.place >= 0) text += ", " + escaped(place_name(schema.places, gap.place));
  return text + "</small>";
}

std::string variable_table(const ReportInput& input) {
  const storage::Schema& schema = input.store.schema();
  Table variables{.head = {"variable", "unit", "missing", "least", "mean", "greatest",
                           "longest gap at one place"}};
  const size_t count = std::min(schema.variables.size(), kVariablesMax);
  for (size_t v = 0; v < count; ++v) {
    const storage::Variable& variable = schema.variables[v];
    const storage::VariableSummary& facts = input.data.coverage.summary.variables[v];
    const std::string name = variable.long_name.empty()
                                 ? escaped(variable.name)
                                 : fmt::format("{} <small>{}</small>", escaped(variable.name),
                                               escaped(variable.long_name));
    variables.rows.push_back({name, escaped(variable.units),
                              fmt::format("{:.2f} %", 100 * facts.missing_share),
                              number_html(facts.min), number_html(facts.mean),
                              number_html(facts.max), gap_html(input, facts.longest_place_gap)});
  }
  std::string text = table(variables);
  if (count < schema.variables.size()) {
    text += paragraph(
        fmt::format("The first {} of {} variables are shown.", count, schema.variables.size()));
  }
  return text;
}

std::string strip_figure(const ReportInput& input) {
  std::vector<LegendEntry> entries;
  for (const Grade& grade : kGrades) {
    entries.push_back({std::string("cover ") + grade.css, grade.text});
  }
  return figures({figure(
      {.title = "Share of values observed",
       .plot = legend(entries) + "<div class=\"scroll\">" + Strip(input).svg() + "</div>",
       .caption = "One row a variable, over all places. Missing values are filled forward in the "
                  "context and never scored. Networks are fitted on the training part, starts are "
                  "chosen on validation; the test part is only reported.",
       .wide = true})});
}

}  // namespace

Result<Section> coverage_section(const ReportInput& input) {
  Section section{.id = "coverage", .title = "Data"};
  const storage::SeriesSummary& summary = input.data.coverage.summary;
  if (summary.states == 0) {
    section.missing = fmt::format(
        "The archive has no states yet: `skipcast ingest {}` brings "
        "them.",
        input.store.path());
    return section;
  }
  const storage::Schema& schema = input.store.schema();
  const LeadUnit step = lead_unit(schema.axis);
  section.body = paragraph(fmt::format(
      "{} states from {} to {}, one every {:g} {}, at {} {}; {:.2f} % of all values are missing. "
      "The archive takes {} on disk. Times are the archive's clock.",
      summary.states, time_html(summary.first_time_s), time_html(summary.last_time_s),
      step.per_state, step.name, schema.places.count(),
      schema.places.kind == storage::PlacesKind::kGrid ? "grid cells" : "places",
      100 * summary.missing_share, bytes_text(input.data.coverage.sizes.total_bytes())));
  section.body += strip_figure(input) + variable_table(input);
  return section;
}

}  // namespace skipcast::tools
