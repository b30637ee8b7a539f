#include "tools/report/report_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "tools/figures/plot.h"
#include "tools/markup/html.h"

namespace skipcast::tools {
namespace {

constexpr int64_t kHour = 3600, kDay = 86400;

int64_t variable_number(const engine::Forecaster& forecaster, int64_t target) {
  const std::string& name = forecaster.dataset().task().variables[static_cast<size_t>(target)];
  return forecaster.store().schema().variable_index(name);
}

}  // namespace

Result<std::vector<float>> states_of(const storage::SeriesStore& store, int64_t variable,
                                     int64_t first, int64_t count) {
  const int64_t places = store.schema().places.count();
  std::vector<float> values(static_cast<size_t>(count * places),
                            std::numeric_limits<float>::quiet_NaN());
  const int64_t begin = std::max<int64_t>(first, 0);
  const int64_t end = std::min(first + count, store.size());
  if (begin >= end) return values;
  const int32_t number[] = {static_cast<int32_t>(variable)};
  const auto part = std::span(values).subspan(static_cast<size_t>((begin - first) * places),
                                              static_cast<size_t>((end - begin) * places));
  SKIPCAST_TRY_OK(store.read(begin, end - begin, number, part));
  return values;
}

LeadUnit lead_unit(const storage::TimeAxis& axis) {
  if (axis.step_months > 0) return {static_cast<double>(axis.step_months), "months"};
  const auto step = static_cast<double>(axis.step_s);
  if (axis.step_s % kDay == 0) return {step / kDay, "days"};
  if (axis.step_s % kHour == 0) return {step / kHour, "h"};
  if (axis.step_s % 60 == 0) return {step / 60, "min"};
  return {step, "s"};
}

std::string lead_text(const LeadUnit& unit, int64_t states) {
  return fmt::format("+{:g} {}", static_cast<double>(states) * unit.per_state, unit.name);
}

WindowView::WindowView(const engine::Forecaster& forecaster, const engine::Forecast& forecast,
                       int64_t target)
    : axis_(&forecaster.store().schema().axis),
      origin_(forecast.origin),
      target_(target),
      context_(forecaster.dataset().task().spec.context_states),
      ensemble_(forecaster, forecast) {}

Result<WindowView> WindowView::make(const engine::Forecaster& forecaster,
                                    const engine::Forecast& forecast, int64_t target) {
  WindowView view(forecaster, forecast, target);
  SKIPCAST_TRY(view.states_, states_of(forecaster.store(), variable_number(forecaster, target),
                                       forecast.origin - view.context_ + 1,
                                       view.context_ + view.ensemble_.lead_times()));
  return view;
}

int64_t WindowView::time_s(int64_t step) const { return axis_->time_at(origin_ + step); }

double WindowView::observed(int64_t step, int64_t place) const {
  return states_[static_cast<size_t>((step + context_ - 1) * ensemble_.places() + place)];
}

bool WindowView::anything_came() const {
  const auto future =
      std::span(states_).subspan(static_cast<size_t>(context_ * ensemble_.places()));
  return std::any_of(future.begin(), future.end(), [](float value) { return !std::isnan(value); });
}

std::string WindowView::value_label() const {
  const storage::Variable& variable = ensemble_.variable(target_);
  return label_with_unit(variable.long_name.empty() ? variable.name : variable.long_name,
                         variable.units);
}

std::vector<Point> WindowView::observed_line(int64_t first, int64_t last, int64_t place) const {
  std::vector<Point> points;
  for (int64_t step = first; step <= last; ++step) {
    points.push_back({static_cast<double>(time_s(step)), observed(step, place)});
  }
  return points;
}

std::vector<Point> WindowView::quantiles(int64_t place, double Summary::*which) const {
  std::vector<Point> points;
  for (int64_t lead = 0; lead < ensemble_.lead_times(); ++lead) {
    points.push_back(
        {static_cast<double>(time_s(lead + 1)), ensemble_.at(lead, target_, place).*which});
  }
  return points;
}

std::string WindowView::tip(int64_t lead, int64_t place) const {
  const Summary at = ensemble_.at(lead, target_, place);
  const std::string ahead = lead_text(lead_unit(*axis_), lead + 1);
  std::string text =
      fmt::format("{} ({})\nmedian {}\n50 %: {} to {}\n90 %: {} to {}", time_html(time_s(lead + 1)),
                  ahead, number_html(at.q50), number_html(at.q25), number_html(at.q75),
                  number_html(at.q05), number_html(at.q95));
  const double seen = observed(lead + 1, place);
  return text + (std::isnan(seen) ? "\nnot observed" : "\nobserved " + number_html(seen));
}

Axis WindowView::value_axis(int64_t place) const {
  Extent extent;
  extent.see(observed_line(1 - context_, ensemble_.lead_times(), place));
  extent.see(quantiles(place, &Summary::q05));
  extent.see(quantiles(place, &Summary::q95));
  return axis_over(extent, value_label());
}

std::string WindowView::fan(int64_t place, int width, int height) const {
  const int64_t leads = ensemble_.lead_times();
  const double half = static_cast<double>(time_s(1) - time_s(0)) / 2;
  ChartFrame frame{.name = "fan chart of the forecast",
                   .width = width,
                   .height = height,
                   .y = value_axis(place)};
  frame.x = {.scale = Scale::kTime,
             .low = static_cast<double>(time_s(1 - context_)),
             .high = static_cast<double>(time_s(leads)),
             .label = "valid time"};
  Chart chart(frame);
  chart.rule_x(static_cast<double>(origin_s()), "origin", "origin");
  chart.band(quantiles(place, &Summary::q05), quantiles(place, &Summary::q95), "policy outer");
  chart.band(quantiles(place, &Summary::q25), quantiles(place, &Summary::q75), "policy");
  chart.line(quantiles(place, &Summary::q50), "policy");
  chart.line(observed_line(1 - context_, 0, place), "past");
  chart.line(observed_line(0, leads, place), "observed");
  for (int64_t lead = 0; lead < leads; ++lead) {
    const auto at = static_cast<double>(time_s(lead + 1));
    chart.column(at - half, at + half, tip(lead, place));
  }
  return chart.svg();
}

}  // namespace skipcast::tools
