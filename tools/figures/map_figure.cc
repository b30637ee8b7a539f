#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/figures/gnuplot.h"
#include "tools/figures/plot.h"

namespace skipcast::tools {
namespace {

struct Range {
  double low = 0, high = 1;
};

Range range_of(const std::vector<MapPanel>& panels) {
  Range range{.low = HUGE_VAL, .high = -HUGE_VAL};
  for (const MapPanel& panel : panels) {
    for (const double value : panel.values) {
      if (!std::isfinite(value)) continue;
      range.low = std::min(range.low, value);
      range.high = std::max(range.high, value);
    }
  }
  if (!(range.low <= range.high)) return {};
  if (range.low == range.high) range.high += 1;
  return range;
}

// Half the distance to the neighbouring cells: the edge of the outermost ones.
double half_cell(const std::vector<double>& axis) {
  return axis.size() < 2 ? 0.5 : std::abs(axis[1] - axis[0]) / 2;
}

std::string axis_range(const char* name, const std::vector<double>& axis) {
  const auto [low, high] = std::minmax_element(axis.begin(), axis.end());
  return fmt::format("set {}range [{:.6g}:{:.6g}]\n", name, *low - half_cell(axis),
                     *high + half_cell(axis));
}

std::string map_script(const MapFigure& figure, const MapPanel& panel, const std::string& name) {
  std::string text = "$" + name + " << EOD\n";
  size_t cell = 0;
  for (const double lat : figure.lat) {
    for (const double lon : figure.lon) {
      const double value = panel.values[cell++];
      text += std::isfinite(value) ? fmt::format("{:.6g} {:.6g} {:.6g}\n", lon, lat, value)
                                   : fmt::format("{:.6g} {:.6g} nan\n", lon, lat);
    }
  }
  return text + "EOD\nset title " + quoted(panel.title) + "\nplot $" + name +
         " using 1:2:3 with image notitle\n";
}

std::string row_script(const MapFigure& figure, const std::vector<MapPanel>& panels,
                       const char* name) {
  const Range range = range_of(panels);
  std::string text = fmt::format("set cbrange [{:.6g}:{:.6g}]\n", range.low, range.high);
  for (size_t i = 0; i < panels.size(); ++i) {
    text += map_script(figure, panels[i], fmt::format("{}{}", name, i));
  }
  return text;
}

}  // namespace

Status draw_maps(const MapFigure& figure) {
  SKIPCAST_CHECK(!figure.means.empty() && figure.means.size() == figure.spreads.size());
  const auto columns = static_cast<int>(figure.means.size());
  Picture picture{.path = figure.path, .width_px = 460 * columns, .height_px = 760};
  std::string& text = picture.script;
  text += axis_range("x", figure.lon) + axis_range("y", figure.lat);
  text += "set xlabel 'longitude (degrees east)'\nset ylabel 'latitude (degrees north)'\n";
  text += "set tics scale 0.5 out nomirror\nset datafile missing 'nan'\nset colorbox\n";
  text +=
      fmt::format("set multiplot layout 2,{} title {} font ',13'\n", columns, quoted(figure.title));
  text += "set palette defined (0 '#2c7bb6', 1 '#abd9e9', 2 '#ffffbf', 3 '#fdae61', 4 '#d7191c')\n";
  text += "set cblabel " + quoted(figure.value_label) + "\n";
  text += row_script(figure, figure.means, "mean");
  text += "set palette defined (0 '#ffffff', 1 '#bdd7e7', 2 '#3182bd', 3 '#08306b')\n";
  text += "set cblabel " + quoted(figure.spread_label) + "\n";
  text += row_script(figure, figure.spreads, "spread");
  text += "unset multiplot\n";
  return draw(picture);
}

}  // namespace skipcast::tools
