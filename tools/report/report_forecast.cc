// One forecast: fan charts by place, and a map by lead time.
#include <fmt/format.h>

#include <algorithm>

#include "engine/tuning/tuner.h"
#include "tools/markup/html.h"
#include "tools/markup/svg_map.h"
#include "tools/report/report_map.h"
#include "tools/report/report_sections.h"

namespace skipcast::tools {
namespace {

constexpr int64_t kFansMax = 24;

// All places when they are few, else as many, evenly over them.
std::vector<int64_t> fan_places(int64_t places) {
  std::vector<int64_t> chosen;
  const int64_t count = std::min(places, kFansMax);
  for (int64_t i = 0; i < count; ++i) chosen.push_back(i * places / count);
  return chosen;
}

std::string fans(const WindowView& view, const storage::Places& places) {
  std::vector<Choice> each;
  for (const int64_t place : fan_places(places.count())) {
    each.push_back({place_name(places, place), view.fan(place, 480, 370)});
  }
  const std::string plot = legend({{"line past", "observed before"},
                                   {"line policy", "median"},
                                   {"band policy", "50 % of members"},
                                   {"band policy outer", "90 %"},
                                   {"line observed", "what came"}}) +
                           choices("place", "Place", Control::kSelect, each);
  return figure({.title = "Fan chart by place",
                 .plot = plot,
                 .caption = "Good: the dashed line of what came wanders through the fan, leaving "
                            "the outer band about one time in ten. Bad: it runs outside for hours, "
                            "or the fan is so wide that it says nothing."});
}

std::string map_figure(const WindowView& view, const storage::Places& places) {
  if (!has_map(places)) {
    return figure({.title = "Map",
                   .plot = notice("The archive has no coordinates of its places: a "
                                  "recipe's \"lat\" and \"lon\" would draw a map."),
                   .caption = ""});
  }
  const bool nodes = places.kind == storage::PlacesKind::kGraph;
  return figure({.title = "Map by lead time",
                 .plot = lead_time_map(view, places, "place"),
                 .caption = fmt::format(
                     "Move the slider to go through the lead times{}. The observed field shares "
                     "the mean's colours; a mean is smoother than what comes, the spread says "
                     "where to doubt it.",
                     nodes ? "; choose a dot to see its fan chart" : "")});
}

std::string depth_words(const engine::QueryFacts& query) {
  const engine::Forecast& forecast = query.forecast;
  const std::string start = word(query.options.start.kind);
  if (forecast.nfe == 0) return fmt::format("the {} start itself, no chain (0 NFE)", start);
  return fmt::format("{} start entered at sigma {:.3g}, {} NFE a member", start,
                     forecast.entry_sigma, forecast.nfe);
}

std::string words(const ReportInput& input, const WindowView& view) {
  const engine::QueryFacts& query = *input.data.query;
  const std::string by = input.data.policies.empty() ? "an untuned analog start"
                                                     : "policy " + input.data.policies.front().name;
  const engine::Timing& timing = query.forecast.timing;
  std::string text =
      fmt::format("Init time {}: {}. {} members by {}: {}", time_html(view.origin_s()), query.why,
                  view.ensemble().members(), by, depth_words(query));
  if (query.forecast.nfe_shared > 0) {
    text += fmt::format(" + {:g} shared by all members", query.forecast.nfe_shared);
  }
  text += fmt::format(", in {:.0f} ms, of which retrieval took {:.1f} ms.", timing.total_s * 1e3,
                      timing.search_s * 1e3);
  if (input.data.forecaster->model().task().variables.size() > 1) {
    text += " Figures show the task's first target.";
  }
  std::string html = paragraph(text);
  for (const std::string& note : query.forecast.notes) html += paragraph("Note: " + note + ".");
  return html;
}

}  // namespace

Result<Section> forecast_section(const ReportInput& input) {
  Section section{.id = "forecast", .title = "A forecast"};
  section.missing = input.data.missing.query;
  if (!input.data.query) return section;
  SKIPCAST_TRY(const WindowView view,
               WindowView::make(*input.data.forecaster, input.data.query->forecast, 0));
  const storage::Places& places = input.store.schema().places;
  section.body = words(input, view);
  section.body += figures({map_figure(view, places), fans(view, places)});
  return section;
}

}  // namespace skipcast::tools
