// The pictures of the program, from plain numbers: fan charts, maps, Pareto fronts. Axis labels
// carry units, times are those of the archive. Errors: those of draw() in gnuplot.h. Pure but for
// the file.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "storage/status.h"

namespace skipcast::tools {

// A line over time; NaN breaks it.
struct Line {
  std::vector<int64_t> time_s;  // seconds since 1970, the archive's clock
  std::vector<double> value;
};

// One place of a forecast: bands between quantiles, widest first, around a median.
struct FanPanel {
  std::string title;
  Line past;                    // observed up to the origin
  Line observed;                // what really came; empty when not known yet
  std::vector<int64_t> lead_s;  // times of the quantiles below
  std::vector<double> q05, q25, q50, q75, q95;
  std::vector<Line> analogs;  // thin lines
};

struct FanChart {
  std::string title;
  std::string value_label;       // "PM2.5 (ug m-3)"
  std::string path;              // .png
  int64_t origin_s = 0;          // where past and forecast meet: a dotted line
  std::vector<FanPanel> panels;  // one under the other
};

Status draw_fan_chart(const FanChart& chart);

// A field on a grid: values[lat, lon]; NaN stays blank.
struct MapPanel {
  std::string title;
  std::vector<double> values;
};

// Two rows of maps, one column a lead time: mean above, spread below, a colour scale each.
struct MapFigure {
  std::string title, value_label, spread_label, path;
  std::vector<double> lat, lon;  // the axes, in degrees
  std::vector<MapPanel> means, spreads;
};

Status draw_maps(const MapFigure& figure);

struct FrontPoint {
  double nfe = 0, seconds = 0, score = 0;
};

// Score against NFE (left) and against wall time (right): trials that were measured on the same
// windows, and named curves over them.
struct FrontCurve {
  std::string name;
  std::vector<FrontPoint> points;
};
struct FrontFigure {
  std::string title, score_label, path;
  std::vector<FrontPoint> trials;
  std::vector<FrontCurve> curves;
  double reference = std::numeric_limits<double>::quiet_NaN();  // a dashed level, when known
  std::string reference_name;
};

Status draw_front(const FrontFigure& figure);

// "PM2.5 (ug m-3)"; "speed" when the unit is "1" or empty.
std::string label_with_unit(const std::string& name, const std::string& unit);

}  // namespace skipcast::tools
