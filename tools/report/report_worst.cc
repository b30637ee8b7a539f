// The worst windows, whatever they look like.
#include <fmt/format.h>

#include "tools/markup/html.h"
#include "tools/markup/svg_map.h"
#include "tools/report/report_sections.h"
#include "tools/report/report_view.h"

namespace skipcast::tools {

Result<Section> worst_section(const ReportInput& input) {
  Section section{.id = "worst", .title = "Worst cases"};
  section.missing = input.data.missing.scores;
  if (input.data.worst.empty()) return section;
  section.body = paragraph(fmt::format(
      "The {} windows with the highest CRPS of those scored, a window's length apart, each at the "
      "place where the ensemble's mean was farthest off.",
      input.data.worst.size()));
  std::vector<std::string> each;
  for (const engine::WorstCase& worst : input.data.worst) {
    SKIPCAST_TRY(const WindowView view,
                 WindowView::make(*input.data.forecaster, worst.forecast, 0));
    const std::string where = place_name(input.store.schema().places, worst.place);
    each.push_back(figure(
        {.title = time_html(view.origin_s()) + ", " + where,
         .plot = view.fan(worst.place, 480, 270),
         .caption = fmt::format("CRPS of the window {} {}; the cold start with 35 NFE had {} "
                                "{}.",
                                number_html(worst.crps), view.unit(),
                                number_html(worst.reference_crps), view.unit())}));
  }
  section.body += legend({{"line past", "observed before"},
                          {"line policy", "median"},
                          {"band policy", "50 % of members"},
                          {"band policy outer", "90 %"},
                          {"line observed", "what came"}});
  section.body += figures(each);
  return section;
}

}  // namespace skipcast::tools
