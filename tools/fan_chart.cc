#include <fmt/format.h>

#include <cmath>

#include "tools/gnuplot.h"
#include "tools/plot.h"

namespace skipcast::tools {
namespace {

constexpr int kPanelHeight_px = 300;
constexpr int kHead_px = 90;

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

std::string panel_script(const FanPanel& panel, size_t number, bool with_key) {
  const std::string id = std::to_string(number);
  std::string text;
  append_line(text, "past" + id, panel.past);
  append_line(text, "seen" + id, panel.observed);
  append_bands(text, "fan" + id, panel);
  for (size_t i = 0; i < panel.analogs.size(); ++i) {
    append_line(text, fmt::format("analog{}_{}", id, i), panel.analogs[i]);
  }
  text += with_key ? "set key top left Left reverse samplen 2\n" : "unset key\n";
  text += "set title " + quoted(panel.title) + "\n";
  text += fmt::format(
      "plot $fan{0} using 1:2:6 with filledcurves lc rgb '#c6dbef' title '5-95 %', \\\n"
      " $fan{0} using 1:3:5 with filledcurves lc rgb '#6baed6' title '25-75 %'", id);
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
  Picture picture{.path = chart.path, .width_px = 1100,
                  .height_px = kHead_px + panels * kPanelHeight_px};
  std::string& text = picture.script;
  text +=
      "set xdata time\nset timefmt '%s'\nset format x \"%d %b %Y\\n%H:%M\"\nset xtics nomirror\n";
  text += "set border 3\nset ytics nomirror\nset grid ytics lc rgb '#dddddd'\nset lmargin 10\n";
  text += "set style fill solid 1.0 noborder\nset tics scale 0.5\n";
  text += "set datafile missing 'nan'\n";
  text += "set ylabel " + quoted(chart.value_label) + "\nset xlabel 'time (UTC)'\n";
  text += fmt::format("set multiplot layout {},1 title {} font ',13'\n", panels,
                      quoted(chart.title));
  for (size_t i = 0; i < chart.panels.size(); ++i) {
    text += panel_script(chart.panels[i], i, i == 0);
  }
  text += "unset multiplot\n";
  return draw(picture);
}

}  // namespace skipcast::tools
