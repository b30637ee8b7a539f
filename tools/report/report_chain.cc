// The reverse chain as a strip: the state at entry, after each evaluation, and at the end.
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

constexpr int64_t kLinesMax = 10;
constexpr int64_t kPlacesMax = 3;
constexpr size_t kStepsMax = 8;  // evaluations shown of long chains
constexpr int64_t kThumbnailMarks = 900;

// One picture of the strip, [members, T_out, V, P] physical.
struct Stage {
  std::string name, note;
  at::Tensor state;
  at::Tensor estimate;  // undefined at start and end
};

std::vector<Stage> stages_of(const engine::ChainFacts& chain) {
  std::vector<Stage> stages;
  if (chain.start.defined()) {
    stages.push_back({.name = "start", .note = "before noise", .state = chain.start});
  } else {
    stages.push_back({.name = "start", .note = "none: noise alone", .state = {}});
  }
  const size_t steps = chain.steps.size(), shown = std::min(steps, kStepsMax);
  for (size_t i = 0; i < shown; ++i) {
    const size_t at = shown == 1 ? 0 : i * (steps - 1) / (shown - 1);
    const engine::Evaluated& step = chain.steps[at];
    stages.push_back({.name = fmt::format("σ {:.3g}", step.sigma),
                      .note = at == 0 ? "entry" : fmt::format("after {} NFE", at),
                      .state = step.x,
                      .estimate = step.estimate});
  }
  stages.push_back({.name = "final",
                    .note = fmt::format("{} NFE", chain.forecast.nfe),
                    .state = chain.forecast.members});
  return stages;
}

class Strip {
 public:
  Strip(const ReportInput& input, const WindowView& view)
      : input_(input), view_(view), places_(input.store.schema().places) {}

  // Lines of members over lead times, or maps of one member.
  std::string html(const engine::ChainFacts& chain, int64_t place) const {
    std::string text = "<div class=\"strip\">\n";
    for (const Stage& stage : stages_of(chain)) {
      text += fmt::format("<div class=\"stage\"><b>{}</b> <span>{}</span>{}</div>\n",
                          escaped(stage.name), escaped(stage.note), drawn(stage, place));
    }
    return text + "</div>\n";
  }

  bool grid() const { return places_.kind == storage::PlacesKind::kGrid; }
  std::string range_legend() const { return map_legend(view_.value_label(), field_range()); }
  std::string lead_shown() const {
    return lead_text(lead_unit(input_.store.schema().axis), lead() + 1);
  }

 private:
  int64_t lead() const { return view_.ensemble().lead_times() / 2; }

  std::string drawn(const Stage& stage, int64_t at) const {
    if (!stage.state.defined()) return "";
    return grid() ? picture(stage, at) : lines(stage, at);
  }

  std::vector<Point> member_line(const at::Tensor& one, int64_t place) const {
    const at::Tensor values = one.select(1, 0).select(1, place).to(at::kDouble).contiguous();
    std::vector<Point> points;
    for (int64_t lead = 0; lead < values.size(0); ++lead) {
      points.push_back({static_cast<double>(lead + 1), values.const_data_ptr<double>()[lead]});
    }
    return points;
  }

  // Of what came and of the forecasts: noise far outside is cut off.
  Axis value_axis(int64_t place) const {
    Extent extent;
    for (int64_t lead = 0; lead < view_.ensemble().lead_times(); ++lead) {
      const Summary at = view_.ensemble().at(lead, 0, place);
      extent.see(at.q05);
      extent.see(at.q95);
      extent.see(view_.observed(lead + 1, place));
    }
    const double more = 0.35 * (extent.high() - extent.low());
    const bool positive = extent.low() >= 0;
    extent.see(positive ? std::max(0.0, extent.low() - more) : extent.low() - more);
    extent.see(extent.high() + more);
    return axis_over(extent, "");
  }

  std::string lines(const Stage& stage, int64_t place) const {
    const int64_t leads = view_.ensemble().lead_times();
    ChartFrame frame{
        .name = stage.name, .width = 190, .height = 130, .y = value_axis(place), .plain = true};
    frame.x = {.low = 1, .high = static_cast<double>(std::max<int64_t>(2, leads))};
    Chart chart(frame);
    for (int64_t m = 0; m < std::min(kLinesMax, stage.state.size(0)); ++m) {
      chart.line(member_line(stage.state[m], place), "member");
    }
    if (stage.estimate.defined()) {
      chart.line(member_line(stage.estimate.mean(0), place), "estimate");
    }
    std::vector<Point> came;
    for (int64_t lead = 1; lead <= leads; ++lead) {
      came.push_back({static_cast<double>(lead), view_.observed(lead, place)});
    }
    chart.line(came, "observed");
    return chart.svg();
  }

  Range field_range() const {
    Extent extent;
    for (int64_t place = 0; place < places_.count(); ++place) {
      const Summary at = view_.ensemble().at(lead(), 0, place);
      extent.see(at.q05);
      extent.see(at.q95);
    }
    return extent.empty() ? Range{} : round_range(extent.low(), extent.high(), 8);
  }

  // `member` of the state at the lead time shown; below it the network's estimate.
  std::string picture(const Stage& stage, int64_t member) const {
    const MapLayout layout = layout_of(places_, kThumbnailMarks);
    const auto one = [&](const at::Tensor& states) {
      const at::Tensor field = states[member][lead()].select(0, 0).to(at::kDouble).contiguous();
      const std::span<const double> values(field.const_data_ptr<double>(),
                                           static_cast<size_t>(field.numel()));
      return map_thumbnail(layout, mark_values(layout, places_, values), field_range());
    };
    std::string text = one(stage.state);
    if (stage.estimate.defined()) text += "<span>estimate</span>" + one(stage.estimate);
    return text;
  }

  const ReportInput& input_;
  const WindowView& view_;
  const storage::Places& places_;
};

// The two chains under a control: a place each, or a member each on grids.
std::string chain_choices(const ReportInput& input, const Strip& strip) {
  const engine::QueryFacts& query = *input.data.query;
  const storage::Places& places = input.store.schema().places;
  const int64_t count = strip.grid() ? 1 : std::min(places.count(), kPlacesMax);
  std::vector<Choice> each;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = strip.grid() ? 0 : i * places.count() / count;
    const std::string body =
        fmt::format("<h5>Entered mid-chain, {} NFE</h5>{}<h5>Cold start, {} NFE</h5>{}",
                    query.chain.forecast.nfe, strip.html(query.chain, at), query.cold.forecast.nfe,
                    strip.html(query.cold, at));
    each.push_back({strip.grid() ? "member 1" : place_name(places, at), body});
  }
  return choices("chain-place", "Place", Control::kSelect, each);
}

std::string words(const engine::QueryFacts& query) {
  if (query.same_chain) {
    return "The chain of the forecast above, beside a cold start with as many evaluations.";
  }
  return fmt::format(
      "The forecast above runs no chain from such a start. Shown is another setting "
      "on the same query: start \"{}\", entered at sigma {:.3g}, beside a cold "
      "start with as many evaluations.",
      word(query.chain.options.start.kind), query.chain.forecast.entry_sigma);
}

std::string keys(const Strip& strip) {
  if (strip.grid()) return strip.range_legend();
  return legend({{"line member", "state of each member"},
                 {"line estimate", "the network's estimate, mean over members"},
                 {"line observed", "what came"}});
}

std::string what_is_drawn(const Strip& strip) {
  if (!strip.grid()) return "Lead times from left to right; vertical scale ";
  return fmt::format("One member at lead time {}; colours ", strip.lead_shown());
}

}  // namespace

Result<Section> chain_section(const ReportInput& input) {
  Section section{.id = "chain", .title = "The reverse chain"};
  section.missing = input.data.missing.query;
  if (!input.data.query) return section;
  const engine::QueryFacts& query = *input.data.query;
  SKIPCAST_TRY(const WindowView view,
               WindowView::make(*input.data.forecaster, query.chain.forecast, 0));
  const Strip strip(input, view);
  section.body = paragraph(words(query));
  section.body += figures({figure(
      {.title = "From entry to end",
       .plot = keys(strip) + chain_choices(input, strip),
       .caption = what_is_drawn(strip) + view.value_label() +
                  ", the same in all pictures; noise beyond it is cut off. σ is the noise level in "
                  "normalised units at which the network was asked. Good: at the end members lie "
                  "round what came, and keep the detail that the start brought.",
       .wide = true})});
  return section;
}

}  // namespace skipcast::tools
