#include "tools/commands/forecast_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>

#include "tools/figures/ensemble_view.h"
#include "tools/figures/plot.h"

namespace skipcast::tools {
namespace {

constexpr int64_t kRowsMax = 12;

int64_t nearest_index(int64_t row, int64_t rows, int64_t lead_times) {
  return rows == 1 ? 0 : row * (lead_times - 1) / (rows - 1);
}

std::string number_text(double value) {
  return std::isfinite(value) ? fmt::format("{:.4g}", value) : "-";
}

std::string origin_text(const engine::Forecaster& forecaster, int64_t origin) {
  return storage::format_time(forecaster.store().schema().axis.time_at(origin));
}

std::string retrieval_text(const engine::Forecaster& forecaster, const engine::Forecast& forecast) {
  if (forecast.analogs.empty()) return "";
  return fmt::format(
      "analogs   nearest {} (distance {:.4g}), farthest {:.4g}; {} search "
      "over {} of {} windows\n",
      origin_text(forecaster, forecast.analogs.front().origin), forecast.analogs.front().distance,
      forecast.analogs.back().distance, forecast.plan.method, forecast.plan.allowed,
      forecast.plan.rows);
}

}  // namespace

std::string cost_text(const engine::Forecaster& forecaster, const engine::Forecast& forecast,
                      const engine::ForecastOptions& options) {
  const engine::Timing& timing = forecast.timing;
  std::string text =
      fmt::format("forecast  {} from {}, {} members, seed {}\n", forecaster.dataset().task().name,
                  origin_text(forecaster, forecast.origin), options.members, options.seed);
  if (forecast.nfe == 0) {
    text += fmt::format("depth     {} start as it is, no chain, 0 NFE a member",
                        word(options.start.kind));
  } else {
    text +=
        fmt::format("depth     {} start, entered at sigma {:.4g} with {}, {} NFE a member",
                    word(options.start.kind), forecast.entry_sigma, options.solver, forecast.nfe);
  }
  if (forecast.nfe_mean < static_cast<double>(forecast.nfe)) {
    text += fmt::format(" at most, {:.3g} on average", forecast.nfe_mean);
  }
  if (forecast.nfe_shared > 0) text += fmt::format(" + {:g} shared by all", forecast.nfe_shared);
  text += fmt::format(
      "\ntime      {:.3f} s: encode {:.3f}, search {:.3f}, start {:.3f}, solve {:.3f}\n",
      timing.total_s, timing.encode_s, timing.search_s, timing.start_s, timing.solve_s);
  text += retrieval_text(forecaster, forecast);
  for (const std::string& note : forecast.notes) text += "note      " + note + "\n";
  return text;
}

Result<std::string> lead_time_table(const engine::Forecaster& forecaster,
                                    const engine::Forecast& forecast) {
  const EnsembleView view(forecaster, forecast);
  SKIPCAST_TRY(const std::vector<float> seen,
               view.stored(0, forecast.origin + 1, view.lead_times()));
  std::string text =
      fmt::format("\n{}, mean over {} places\n{:<21}{:>10}{:>10}{:>10}{:>10}{:>10}\n",
                  label_with_unit(view.variable(0).name, view.variable(0).units), view.places(),
                  "valid at", "mean", "spread", "5 %", "95 %", "observed");
  const int64_t rows = std::min(kRowsMax, view.lead_times());
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t lead = nearest_index(row, rows, view.lead_times());
    const Summary summary = view.over_places(lead, 0);
    const auto places = static_cast<size_t>(view.places());
    const auto here = std::span(seen).subspan(static_cast<size_t>(lead) * places, places);
    text += fmt::format("{:<21}{:>10}{:>10}{:>10}{:>10}{:>10}\n",
                        storage::format_time(view.lead_time_s(lead)), number_text(summary.mean),
                        number_text(summary.spread), number_text(summary.q05),
                        number_text(summary.q95), number_text(mean_of(here)));
  }
  return text;
}

Result<nlohmann::json> forecast_json(const engine::Forecaster& forecaster,
                                     const engine::Forecast& forecast,
                                     const engine::ForecastOptions& options) {
  const EnsembleView view(forecaster, forecast);
  const engine::Timing& timing = forecast.timing;
  nlohmann::json json = {{"task", forecaster.dataset().task().name},
                         {"init_time", origin_text(forecaster, forecast.origin)},
                         {"members", options.members},
                         {"seed", options.seed},
                         {"start", word(options.start.kind)},
                         {"key", word(options.start.key)},
                         {"alignment", word(options.start.alignment)},
                         {"archive", word(options.archive)},
                         {"solver", options.solver},
                         {"entry_sigma", forecast.entry_sigma},
                         {"nfe", forecast.nfe},
                         {"nfe_mean", forecast.nfe_mean},
                         {"nfe_shared", forecast.nfe_shared},
                         {"model", forecaster.model().fingerprint()},
                         {"notes", forecast.notes},
                         {"seconds",
                          {{"total", timing.total_s},
                           {"encode", timing.encode_s},
                           {"search", timing.search_s},
                           {"start", timing.start_s},
                           {"solve", timing.solve_s}}},
                         {"search",
                          {{"method", forecast.plan.method},
                           {"allowed", forecast.plan.allowed},
                           {"windows", forecast.plan.rows}}}};
  json["analogs"] = nlohmann::json::array();
  for (const retrieval::Neighbour& analog : forecast.analogs) {
    json["analogs"].push_back(
        {{"init_time", origin_text(forecaster, analog.origin)}, {"distance", analog.distance}});
  }
  json["lead_times"] = nlohmann::json::array();
  for (int64_t target = 0; target < view.variables(); ++target) {
    for (int64_t lead = 0; lead < view.lead_times(); ++lead) {
      const Summary summary = view.over_places(lead, target);
      json["lead_times"].push_back({{"variable", view.variable(target).name},
                                    {"valid", storage::format_time(view.lead_time_s(lead))},
                                    {"mean", summary.mean},
                                    {"spread", summary.spread},
                                    {"q05", summary.q05},
                                    {"q50", summary.q50},
                                    {"q95", summary.q95}});
    }
  }
  return json;
}

}  // namespace skipcast::tools
