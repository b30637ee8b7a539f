#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "tools/figures/gnuplot.h"
#include "tools/figures/plot.h"

namespace skipcast::tools {
namespace {

constexpr int kPanelHeight_px = 300;
constexpr int kHead_px = 90;
constexpr int64_t kTicksMax = 9;

void append_line(std::string& text, const std::string& name, const Line& line) {
  text += "$" + name + " << EOD\n";
  for (size_t i = 0; i < line.value.size(); ++i) {
    text += std::isfinite(line.value[i]) ? fmt::format("{} {:.6g}\n", line.time_s[i], line.value[i])
                                         : std::string("\n");
  }
  text += "EOD\n";
}

void append_bands(std::string& text, const std::string& name, const FanPanel& panel) {
  text += "$" + name + " << EOD\n";
  for (size_t i = 0; i < panel.lead_s.size(); ++i) {
    text += fmt::format("{} {:.6g} {:.6g} {:.6g} {:.6g} {:.6g}\n", panel.lead_s[i], panel.q05[i],
                        panel.q25[i], panel.q50[i], panel.q75[i], panel.q95[i]);
  }
  text += "EOD\n";
}

bool has_values(const Line& line) {
  for (const double value : line.value) {
    if (std::isfinite(value)) return true;
  }
  return false;
}

// Ticks of the time axis: a round step that gives few enough of them, and dates to match.
std::string time_axis_script(const FanPanel& panel) {
  constexpr int64_t kSteps_s[] = {60,    300,   600,   1800,   3600,   7200,   10800,
                                  21600, 43200, 86400, 172800, 604800, 1209600};
  const int64_t end_s = panel.lead_s.back();
  const int64_t begin_s =
      panel.past.time_s.empty() ? panel.lead_s.front() : panel.past.time_s.front();
  const auto* step =
      std::lower_bound(std::begin(kSteps_s), std::end(kSteps_s), (end_s - begin_s) / kTicksMax);
  std::string text = fmt::format("set xrange ['{}':'{}']\n", begin_s, end_s);
  if (step == std::end(kSteps_s)) return text + "set format x \"%b\\n%Y\"\n";
  const char* format = *step < 86400 ? "%d %b\\n%H:%M" : "%d %b\\n%Y";
  return text + fmt::format("set xtics {}\nset format x \"{}\"\n", *step, format);
}

std::string panel_script(const FanPanel& panel, size_t number, bool with_key) {
  const std::string id = std::to_string(number);
  std::string text;
  append_line(text, "past" + id, panel.past);
  append_line(text, "seen" + id, panel.observed);
  append_bands(text, "fan" + id, panel);
  for (size_t i = 0; i < panel.analogs.size(); ++i) {
    append_line(text, fmt::format("analog{}_{}", id, i), panel.analogs[i]);
  }
  text += with_key ? "set key above horizontal Left reverse samplen 2 width 1\n" : "unset key\n";
  text += "set label 1 " + quoted(panel.title) + " at graph 0.012,0.93 font ',12'\n";
  text += fmt::format(
      "plot $fan{0} using 1:2:6 with filledcurves lc rgb '#c6dbef' title '5-95 %', \\\n"
      " $fan{0} using 1:3:5 with filledcurves lc rgb '#6baed6' title '25-75 %'",
      id);
  for (size_t i = 0; i < panel.analogs.size(); ++i) {
    text += fmt::format(", \\\n $analog{}_{} using 1:2 with lines lw 0.7 lc rgb '#f4a582' {}", id,
                        i, i == 0 ? "title 'analogs, as they went on'" : "notitle");
  }
  text +=
      fmt::format(", \\\n $fan{} using 1:4 with lines lw 2 lc rgb '#08519c' title 'median'", id);
  if (has_values(panel.past)) {
    text += fmt::format(
        ", \\\n $past{} using 1:2 with lines lw 2 lc rgb '#252525' title 'observed'", id);
  }
  if (has_values(panel.observed)) {
    text += fmt::format(
        ", \\\n $seen{} using 1:2 with linespoints lw 1 pt 7 ps 0.5 lc rgb '#252525'"
        " title 'observed later'",
        id);
  }
  return text + "\n";
}

}  // namespace

std::string label_with_unit(const std::string& name, const std::string& unit) {
  return unit.empty() || unit == "1" ? name : name + " (" + unit + ")";
}

Status draw_fan_chart(const FanChart& chart) {
  SKIPCAST_CHECK(!chart.panels.empty());
  const auto panels = static_cast<int>(chart.panels.size());
  Picture picture{
      .path = chart.path, .width_px = 1100, .height_px = kHead_px + panels * kPanelHeight_px};
  std::string& text = picture.script;
  text += "set xdata time\nset timefmt '%s'\nset xtics nomirror\n";
  text += time_axis_script(chart.panels.front());
  text += "set border 3\nset ytics nomirror\nset grid ytics lc rgb '#dddddd'\nset lmargin 10\n";
  text += "set style fill solid 1.0 noborder\nset tics scale 0.5\n";
  text += "set datafile missing 'nan'\n";
  text += "set ylabel " + quoted(chart.value_label) + "\n";
  text += fmt::format(
      "set arrow 1 from '{0}',graph 0 to '{0}',graph 1 nohead dt 3 lc rgb "
      "'#636363'\n",
      chart.origin_s);
  text +=
      fmt::format("set multiplot layout {},1 title {} font ',13'\n", panels, quoted(chart.title));
  for (size_t i = 0; i < chart.panels.size(); ++i) {
    if (i + 1 == chart.panels.size()) text += "set xlabel 'time'\n";
    text += panel_script(chart.panels[i], i, i == 0);
  }
  text += "unset multiplot\n";
  return draw(picture);
}

}  // namespace skipcast::tools
