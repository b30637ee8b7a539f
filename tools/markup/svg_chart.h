// One small chart as inline SVG: axes with ticks, lines, bands, dots, bars, hover texts. Colours
// and line styles come from the page's CSS by class, so that light, dark and print share one
// drawing. Coordinates are the data's; what lies outside the axes is clipped. Not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/markup/svg_ticks.h"

namespace skipcast::tools {

enum class Scale { kLinear, kLog, kTime };

struct Axis {
  Scale scale = Scale::kLinear;
  double low = 0, high = 1;  // kTime: seconds since 1970; kLog: > 0
  std::string label;         // with its unit; "" = no label
  std::vector<Tick> ticks;   // empty = by the scale
};

struct ChartFrame {
  std::string name;  // what a screen reader says
  int width = 480, height = 290;
  Axis x, y;
  bool plain = false;  // a small picture in a row: no labels, few ticks
};

struct Point {
  double x = 0, y = 0;
};

class Chart {
 public:
  explicit Chart(ChartFrame frame);

  // `css` are class names. Points that are not finite break a line and are no dots.
  void line(std::span<const Point> points, std::string_view css);
  void band(std::span<const Point> low, std::span<const Point> high, std::string_view css);
  void dot(Point at, double radius, std::string_view css, std::string_view tip = "");
  void whisker(double x, double low, double high, std::string_view css);
  // A bar from the bottom to y over [x0, x1].
  void bar(double x0, double x1, double y, std::string_view css, std::string_view tip);
  // A line across the whole chart, with a short text at its end.
  void rule_x(double x, std::string_view css, std::string_view text = "");
  void rule_y(double y, std::string_view css, std::string_view text = "");
  // A shaded span of x with a name on top.
  void span_x(double x0, double x1, std::string_view css, std::string_view text = "");
  // The hover text of everything between x0 and x1; lines are parted by '\n'.
  void column(double x0, double x1, std::string_view tip);

  // The whole <svg>. Texts are escaped.
  std::string svg() const;

 private:
  double px(double x) const;
  double py(double y) const;
  std::string points_text(std::span<const Point> points) const;
  std::string axes() const;

  ChartFrame frame_;
  double left_, right_, top_, bottom_;  // of the plotting area
  std::string below_, above_;           // drawn before and after what is clipped
  std::string clipped_;
};

// Low and high of many values that are finite; an empty range when there is none.
class Extent {
 public:
  Extent();
  void see(double value);
  void see(std::span<const Point> points);
  bool empty() const { return !(low_ <= high_); }
  double low() const { return low_; }
  double high() const { return high_; }

 private:
  double low_, high_;
};

// An axis round the values, with round ends; from 0 when they are near it.
Axis axis_over(const Extent& extent, std::string label);

}  // namespace skipcast::tools
