// What retrieval finds: a query, its analogs, when they were and what came of them.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/markup/html.h"
#include "tools/markup/svg_map.h"
#include "tools/report/report_sections.h"
#include "tools/report/report_view.h"

namespace skipcast::tools {
namespace {

constexpr size_t kLinesMax = 8;
constexpr size_t kRowsMax = 10;
constexpr int64_t kDay = 86400;

double error_of(const at::Tensor& future, const at::Tensor& observed) {
  return (future - observed).abs().nanmean().item<double>();
}

// One analog: how it compares with what really came.
struct Found {
  int64_t origin = 0, time_s = 0;
  double distance = 0;
  double error_raw = 0, error_moved = 0;  // mean absolute error of its future, all targets
};

class Retrieval {
 public:
  explicit Retrieval(const ReportInput& input)
      : input_(input), forecaster_(*input.data.forecaster), query_(*input.data.query) {}

  Status look() {
    SKIPCAST_TRY(view_, view_of());
    const engine::Dataset& dataset = forecaster_.dataset();
    const at::Tensor observed = dataset.observed(query_.analogs.origin);
    const storage::TimeAxis& axis = input_.store.schema().axis;
    for (size_t i = 0; i < query_.analogs.analogs.size(); ++i) {
      const auto& analog = query_.analogs.analogs[i];
      const at::Tensor moved = query_.analogs.members[static_cast<int64_t>(i)];
      found_.push_back({analog.origin, axis.time_at(analog.origin), double(analog.distance),
                        error_of(dataset.observed(analog.origin), observed),
                        error_of(moved, observed)});
    }
    return {};
  }

  Result<std::string> html() const {
    SKIPCAST_TRY(const std::string raw, spaghetti(Moved::kNo));
    SKIPCAST_TRY(const std::string moved, spaghetti(Moved::kYes));
    return words() + figures({timeline(), found_table(), raw, moved});
  }

 private:
  enum class Moved { kNo, kYes };

  Result<std::unique_ptr<WindowView>> view_of() const {
    SKIPCAST_TRY(WindowView view, WindowView::make(forecaster_, query_.analogs, 0));
    return std::make_unique<WindowView>(std::move(view));
  }

  std::string words() const {
    const engine::StartOptions& start = query_.analog_options.start;
    const retrieval::SearchPlan& plan = query_.analogs.plan;
    return paragraph(fmt::format(
        "The {} analogs nearest to {}, by the {} key, among {} past windows that the leakage guard "
        "allows (of {}), in {:.1f} ms ({} search). Each member starts from one of them; their "
        "futures are moved to the query by \"{}\".",
        found_.size(), time_html(view_->origin_s()), word(start.key), plan.allowed, plan.rows,
        query_.analogs.timing.search_s * 1e3, plan.method, word(start.alignment)));
  }

  std::string tip(const Found& found) const {
    return fmt::format("{}\ndistance {}\n{:.0f} days before the query", time_html(found.time_s),
                       number_html(found.distance), days_before(found));
  }
  double days_before(const Found& found) const {
    return static_cast<double>(view_->origin_s() - found.time_s) / kDay;
  }

  std::string timeline() const {
    Extent distance;
    for (const Found& found : found_) distance.see(found.distance);
    const engine::Coverage& coverage = input_.data.coverage;
    ChartFrame frame{.name = "distances of the analogs over time",
                     .y = axis_over(distance, "distance to the query (embedding units)")};
    frame.x = {.scale = Scale::kTime,
               .low = static_cast<double>(coverage.summary.first_time_s),
               .high = static_cast<double>(coverage.summary.last_time_s),
               .label = "init time of the analog"};
    Chart chart(frame);
    chart.rule_x(static_cast<double>(view_->origin_s()), "origin", "query");
    for (const Found& found : found_) {
      chart.dot({static_cast<double>(found.time_s), found.distance}, 5, "policy", tip(found));
    }
    return figure({.title = "When the analogs were",
                   .plot = chart.svg(),
                   .caption = "Lower is more alike; the vertical line is the query. Dots in the "
                              "query's own season, years apart, are typical; a crowd just before "
                              "it means that today merely goes on."});
  }

  // Values of one place about a past window, the origin at 0.
  Result<std::vector<Point>> past_line(int64_t origin, int64_t place) const {
    const int64_t context = view_->context_states(), leads = view_->ensemble().lead_times();
    const int64_t variable =
        input_.store.schema().variable_index(view_->ensemble().variable(0).name);
    SKIPCAST_TRY(const std::vector<float> values,
                 states_of(input_.store, variable, origin - context + 1, context + leads));
    const double unit = lead_unit(input_.store.schema().axis).per_state;
    std::vector<Point> points;
    for (int64_t i = 0; i < context + leads; ++i) {
      points.push_back({static_cast<double>(i - context + 1) * unit,
                        values[static_cast<size_t>(i * view_->ensemble().places() + place)]});
    }
    return points;
  }

  std::vector<Point> moved_line(int64_t member, int64_t place) const {
    const double unit = lead_unit(input_.store.schema().axis).per_state;
    std::vector<Point> points;
    for (int64_t lead = 0; lead < view_->ensemble().lead_times(); ++lead) {
      points.push_back({static_cast<double>(lead + 1) * unit,
                        query_.analogs.members[member][lead][0][place].item<double>()});
    }
    return points;
  }

  Result<std::string> spaghetti(Moved moved) const {
    const int64_t place = 0;
    SKIPCAST_TRY(const std::vector<Point> own, past_line(query_.analogs.origin, place));
    std::vector<std::vector<Point>> lines;
    Extent extent;
    extent.see(own);
    for (size_t i = 0; i < std::min(found_.size(), kLinesMax); ++i) {
      SKIPCAST_TRY(std::vector<Point> line, past_line(found_[i].origin, place));
      if (moved == Moved::kYes) line = moved_line(static_cast<int64_t>(i), place);
      extent.see(line);
      lines.push_back(std::move(line));
    }
    const LeadUnit unit = lead_unit(input_.store.schema().axis);
    ChartFrame frame{.name = "the query and its analogs",
                     .y = axis_over(extent, view_->value_label())};
    frame.x = {.low = own.front().x,
               .high = own.back().x,
               .label = fmt::format("time from the origin ({})", unit.name)};
    Chart chart(frame);
    chart.rule_x(0, "origin", "origin");
    for (const auto& line : lines) chart.line(line, "analog");
    const auto context = static_cast<size_t>(view_->context_states());
    chart.line(std::span(own).first(context), "past");
    chart.line(std::span(own).subspan(context - 1), "observed");
    return spaghetti_figure(moved, chart.svg());
  }

  std::string spaghetti_figure(Moved moved, const std::string& svg) const {
    const std::string where = place_name(input_.store.schema().places, 0);
    const std::string keys = legend({{"line past", "the query"},
                                     {"line analog", "analogs"},
                                     {"line observed", "what came of the query"}});
    if (moved == Moved::kNo) {
      return figure({.title = "Their windows as they were, " + where,
                     .plot = keys + svg,
                     .caption = "The nearest analogs' own contexts and futures. They need not "
                                "touch the query's last value: shape and situation were "
                                "compared."});
    }
    return figure({.title = "Their futures moved to the query, " + where,
                   .plot = keys + svg,
                   .caption = "What members start from before noise is added. Good: what came "
                              "lies among them; where it does not, the chain has to make up for "
                              "it."});
  }

  std::string found_table() const {
    const std::string unit = escaped(view_->unit());
    Table rows{
        .head = {"", "init time", "distance", "days before", "error, " + unit, "moved, " + unit}};
    for (size_t i = 0; i < std::min(found_.size(), kRowsMax); ++i) {
      const Found& found = found_[i];
      rows.rows.push_back({fmt::format("{}", i + 1), time_html(found.time_s),
                           number_html(found.distance), fmt::format("{:.0f}", days_before(found)),
                           number_html(found.error_raw), number_html(found.error_moved)});
    }
    return figure({.title = "The nearest ones",
                   .plot = table(rows),
                   .caption = "Error: mean absolute difference between the analog's future and "
                              "what came of the query, over places and lead times, as it was and "
                              "moved to the query."});
  }

  const ReportInput& input_;
  const engine::Forecaster& forecaster_;
  const engine::QueryFacts& query_;
  std::unique_ptr<WindowView> view_;
  std::vector<Found> found_;
};

}  // namespace

Result<Section> retrieval_section(const ReportInput& input) {
  Section section{.id = "retrieval", .title = "What retrieval finds"};
  section.missing = input.data.missing.query;
  if (!input.data.query) return section;
  Retrieval retrieval(input);
  SKIPCAST_TRY_OK(retrieval.look());
  SKIPCAST_TRY(section.body, retrieval.html());
  return section;
}

}  // namespace skipcast::tools
