#include "tools/figures/forecast_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/figures/ensemble_view.h"
#include "tools/figures/plot.h"
#include "tools/terminal/suggest.h"

namespace skipcast::tools {
namespace {

constexpr int64_t kPanels = 3;
constexpr size_t kPanelsMax = 8;
constexpr size_t kAnalogLines = 8;

std::string variable_label(const storage::Variable& variable) {
  return label_with_unit(variable.long_name.empty() ? variable.name : variable.long_name,
                         variable.units);
}

Result<int64_t> target_of(const engine::Forecaster& forecaster, const std::string& name) {
  const std::vector<std::string>& targets = forecaster.dataset().task().variables;
  if (name.empty()) return int64_t{0};
  const auto at = std::find(targets.begin(), targets.end(), name);
  if (at != targets.end()) return static_cast<int64_t>(at - targets.begin());
  return usage(fmt::format("--plot-variable {}: the task forecasts no such variable.{}", name,
                           did_you_mean(name, targets)));
}

Result<std::vector<int64_t>> places_of(const storage::Places& places, const PlotWish& wish) {
  std::vector<int64_t> numbers;
  if (wish.places.size() > kPanelsMax) {
    return usage(fmt::format("--plot-places: at most {} places fit in one picture", kPanelsMax));
  }
  for (const std::string& name : wish.places) {
    const auto at = std::find(places.names.begin(), places.names.end(), name);
    if (at == places.names.end()) {
      return usage(fmt::format("--plot-places {}: there is no such place.{}", name,
                               did_you_mean(name, places.names)));
    }
    numbers.push_back(at - places.names.begin());
  }
  for (int64_t i = 0;
       numbers.size() < static_cast<size_t>(kPanels) && wish.places.empty() && i < places.count();
       ++i) {
    numbers.push_back(i);
  }
  return numbers;
}

struct Plotter {
  const engine::Forecaster& forecaster;
  const engine::Forecast& forecast;
  EnsembleView view;
  int64_t target;

  const storage::TimeAxis& axis() const { return forecaster.store().schema().axis; }

  // Stored values from `first`, drawn as if the first state stood at `drawn_first`.
  Result<Line> line(int64_t first, int64_t count, int64_t drawn_first, int64_t place) const {
    SKIPCAST_TRY(const std::vector<float> values, view.stored(target, first, count));
    Line line;
    for (int64_t i = 0; i < count; ++i) {
      line.time_s.push_back(axis().time_at(drawn_first + i));
      line.value.push_back(values[static_cast<size_t>(i * view.places() + place)]);
    }
    return line;
  }

  // Analogs lie in the past, maybe in other sessions: read as stored, whatever the breaks.
  Result<Line> analog_line(int64_t origin, int64_t place) const {
    const storage::SeriesStore& store = forecaster.store();
    const int32_t number[] = {
        static_cast<int32_t>(store.schema().variable_index(view.variable(target).name))};
    std::vector<float> values(static_cast<size_t>(view.lead_times() * view.places()));
    SKIPCAST_TRY_OK(store.read(origin + 1, view.lead_times(), number, values));
    Line line;
    for (int64_t i = 0; i < view.lead_times(); ++i) {
      line.time_s.push_back(view.lead_time_s(i));
      line.value.push_back(values[static_cast<size_t>(i * view.places() + place)]);
    }
    return line;
  }

  Result<FanPanel> panel(int64_t place) const {
    FanPanel panel;
    panel.title = forecaster.store().schema().places.names[static_cast<size_t>(place)];
    const storage::WindowSpec& spec = forecaster.dataset().task().spec;
    const int64_t before = std::max(spec.context_states, spec.future_states);
    const int64_t first = forecast.origin - before + 1;
    SKIPCAST_TRY(panel.past, line(first, before, first, place));
    // From the origin on, so that it joins the past; nothing when nothing came yet.
    if (forecast.origin + 1 < forecaster.store().size()) {
      SKIPCAST_TRY(panel.observed,
                   line(forecast.origin, view.lead_times() + 1, forecast.origin, place));
    }
    for (int64_t lead = 0; lead < view.lead_times(); ++lead) {
      const Summary summary = view.at(lead, target, place);
      panel.lead_s.push_back(view.lead_time_s(lead));
      panel.q05.push_back(summary.q05);
      panel.q25.push_back(summary.q25);
      panel.q50.push_back(summary.q50);
      panel.q75.push_back(summary.q75);
      panel.q95.push_back(summary.q95);
    }
    for (size_t i = 0; i < std::min(forecast.analogs.size(), kAnalogLines); ++i) {
      SKIPCAST_TRY(Line analog, analog_line(forecast.analogs[i].origin, place));
      panel.analogs.push_back(std::move(analog));
    }
    return panel;
  }

  std::string title() const {
    const storage::Schema& schema = forecaster.store().schema();
    return fmt::format("{}: forecast from {} ({} members, {} NFE)",
                       schema.title.empty() ? forecaster.dataset().task().name : schema.title,
                       storage::format_time(axis().time_at(forecast.origin)), view.members(),
                       forecast.nfe);
  }
};

Status plot_fans(const Plotter& plotter, const PlotWish& wish) {
  SKIPCAST_TRY(const std::vector<int64_t> places,
               places_of(plotter.forecaster.store().schema().places, wish));
  FanChart chart{.title = plotter.title(),
                 .value_label = variable_label(plotter.view.variable(plotter.target)),
                 .path = wish.path,
                 .origin_s = plotter.axis().time_at(plotter.forecast.origin)};
  for (const int64_t place : places) {
    SKIPCAST_TRY(FanPanel panel, plotter.panel(place));
    chart.panels.push_back(std::move(panel));
  }
  return draw_fan_chart(chart);
}

Result<std::vector<int64_t>> leads_of(int64_t lead_times, const PlotWish& wish) {
  std::vector<int64_t> leads;
  for (const int64_t lead : wish.lead_times) {
    if (lead < 1 || lead > lead_times || leads.size() == kPanelsMax) {
      return usage(fmt::format("--plot-leads {}: at most {} lead times from 1 to {} are expected",
                               lead, kPanelsMax, lead_times));
    }
    leads.push_back(lead - 1);
  }
  if (leads.empty()) leads = {0, lead_times / 2, lead_times - 1};
  leads.erase(std::unique(leads.begin(), leads.end()), leads.end());
  return leads;
}

Status plot_maps(const Plotter& plotter, const PlotWish& wish) {
  const storage::Places& places = plotter.forecaster.store().schema().places;
  const storage::Variable& variable = plotter.view.variable(plotter.target);
  SKIPCAST_TRY(const std::vector<int64_t> leads, leads_of(plotter.view.lead_times(), wish));
  MapFigure figure{.title = plotter.title(),
                   .value_label = variable_label(variable),
                   .spread_label = label_with_unit("spread of the members", variable.units),
                   .path = wish.path,
                   .lat = places.lat,
                   .lon = places.lon};
  for (const int64_t lead : leads) {
    const std::string when = storage::format_time(plotter.view.lead_time_s(lead));
    MapPanel mean{.title = "mean, " + when}, spread{.title = "spread, " + when};
    for (int64_t place = 0; place < plotter.view.places(); ++place) {
      const Summary summary = plotter.view.at(lead, plotter.target, place);
      mean.values.push_back(summary.mean);
      spread.values.push_back(summary.spread);
    }
    figure.means.push_back(std::move(mean));
    figure.spreads.push_back(std::move(spread));
  }
  return draw_maps(figure);
}

}  // namespace

Status plot_forecast(const engine::Forecaster& forecaster, const engine::Forecast& forecast,
                     const PlotWish& wish) {
  SKIPCAST_TRY(const int64_t target, target_of(forecaster, wish.variable));
  const Plotter plotter{forecaster, forecast, EnsembleView(forecaster, forecast), target};
  const bool grid = forecaster.store().schema().places.kind == storage::PlacesKind::kGrid;
  return grid ? plot_maps(plotter, wish) : plot_fans(plotter, wish);
}

}  // namespace skipcast::tools
