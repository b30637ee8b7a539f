#include "tools/markup/svg_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "tools/markup/html.h"

namespace skipcast::tools {
namespace {

constexpr double kFar = 20000;   // px: noise far outside a chart would make huge numbers
constexpr double kLetter = 6.6;  // px, about the width of one

double share(const Axis& axis, double value) {
  if (axis.scale == Scale::kLog) {
    return std::log(value / axis.low) / std::log(axis.high / axis.low);
  }
  return (value - axis.low) / (axis.high - axis.low);
}

std::vector<Tick> ticks_of(const Axis& axis, int count) {
  if (!axis.ticks.empty()) return axis.ticks;
  switch (axis.scale) {
    case Scale::kLog:
      return log_ticks(axis.low, axis.high);
    case Scale::kTime:
      return time_ticks(static_cast<int64_t>(axis.low), static_cast<int64_t>(axis.high), count);
    case Scale::kLinear:
      break;
  }
  return linear_ticks(axis.low, axis.high, count);
}

std::string tip_attribute(std::string_view tip) {
  return tip.empty() ? "" : fmt::format(" data-tip=\"{}\"", escaped(tip));
}

// What a browser shows without script.
std::string tip_title(std::string_view tip) {
  return tip.empty() ? "" : fmt::format("<title>{}</title>", escaped(tip));
}

}  // namespace

Chart::Chart(ChartFrame frame) : frame_(std::move(frame)) {
  left_ = frame_.plain ? 34 : 52;
  right_ = frame_.width - (frame_.plain ? 4 : 14);
  top_ = frame_.plain ? 6 : 30;
  bottom_ = frame_.height - (frame_.plain ? 8 : frame_.x.label.empty() ? 26 : 44);
}

double Chart::px(double x) const {
  return std::clamp(left_ + share(frame_.x, x) * (right_ - left_), -kFar, kFar);
}

double Chart::py(double y) const {
  return std::clamp(bottom_ - share(frame_.y, y) * (bottom_ - top_), -kFar, kFar);
}

std::string Chart::points_text(std::span<const Point> points) const {
  std::string text;
  bool pen_down = false;
  for (const Point& point : points) {
    const bool there = std::isfinite(point.x) && std::isfinite(point.y);
    if (there) {
      text += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", px(point.x), py(point.y));
    }
    pen_down = there;
  }
  return text;
}

void Chart::line(std::span<const Point> points, std::string_view css) {
  const std::string path = points_text(points);
  if (path.empty()) return;
  clipped_ += fmt::format("<path class=\"line {}\" d=\"{}\"/>\n", css, path);
}

void Chart::band(std::span<const Point> low, std::span<const Point> high, std::string_view css) {
  std::vector<Point> outline;
  for (const Point& point : low) {
    if (std::isfinite(point.y)) outline.push_back(point);
  }
  for (size_t i = high.size(); i-- > 0;) {
    if (std::isfinite(high[i].y)) outline.push_back(high[i]);
  }
  const std::string path = points_text(outline);
  if (!path.empty()) clipped_ += fmt::format("<path class=\"band {}\" d=\"{}Z\"/>\n", css, path);
}

void Chart::dot(Point at, double radius, std::string_view css, std::string_view tip) {
  if (!std::isfinite(at.x) || !std::isfinite(at.y)) return;
  above_ += fmt::format(
      "<circle class=\"dot {}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:g}\"{}>{}"
      "</circle>\n",
      css, px(at.x), py(at.y), radius, tip_attribute(tip), tip_title(tip));
}

void Chart::whisker(double x, double low, double high, std::string_view css) {
  const Point ends[] = {{x, low}, {x, high}};
  line(ends, css);
}

void Chart::bar(double x0, double x1, double y, std::string_view css, std::string_view tip) {
  const double left = px(x0), top = py(y);
  clipped_ += fmt::format(
      "<rect class=\"bar {}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
      "height=\"{:.1f}\"{}>{}</rect>\n",
      css, left, top, std::max(0.5, px(x1) - left - 1), std::max(0.0, bottom_ - top),
      tip_attribute(tip), tip_title(tip));
}

void Chart::rule_x(double x, std::string_view css, std::string_view text) {
  const double at = px(x);
  below_ += fmt::format("<path class=\"rule {}\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>\n", css, at, top_,
                        bottom_);
  if (text.empty()) return;
  above_ += fmt::format("<text class=\"note\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", at + 4,
                        top_ + 11, escaped(text));
}

void Chart::rule_y(double y, std::string_view css, std::string_view text) {
  const double at = py(y);
  below_ += fmt::format("<path class=\"rule {}\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", css, left_, at,
                        right_);
  if (text.empty()) return;
  above_ += fmt::format("<text class=\"note end\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n",
                        right_ - 3, at - 4, escaped(text));
}

void Chart::span_x(double x0, double x1, std::string_view css, std::string_view text) {
  const double left = px(x0), width = px(x1) - left;
  below_ += fmt::format(
      "<rect class=\"span {}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
      "height=\"{:.1f}\"/>\n",
      css, left, top_, width, bottom_ - top_);
  if (text.empty() || width < kLetter * static_cast<double>(text.size())) return;
  below_ += fmt::format("<text class=\"note middle\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n",
                        left + width / 2, top_ + 11, escaped(text));
}

void Chart::column(double x0, double x1, std::string_view tip) {
  const double left = std::clamp(px(x0), left_, right_);
  const double right = std::clamp(px(x1), left_, right_);
  above_ += fmt::format(
      "<rect class=\"hit\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
      "height=\"{:.1f}\"{}>{}</rect>\n",
      left, top_, right - left, bottom_ - top_, tip_attribute(tip), tip_title(tip));
}

std::string Chart::axes() const {
  std::string text;
  const int y_count = frame_.plain ? 2 : std::max(3, frame_.height / 60);
  for (const Tick& tick : ticks_of(frame_.y, y_count)) {
    const double at = py(tick.at);
    if (at < top_ - 1 || at > bottom_ + 1) continue;
    text += fmt::format(
        "<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/><text class=\"tick end\""
        " x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n",
        left_, at, right_, left_ - 6, at + 4, escaped(tick.text));
  }
  text +=
      fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", left_, bottom_, right_);
  if (frame_.plain) return text;
  for (const Tick& tick : ticks_of(frame_.x, std::max(2, (frame_.width - 60) / 75))) {
    const double at = px(tick.at);
    if (at < left_ - 1 || at > right_ + 1) continue;
    text += fmt::format(
        "<path class=\"axis\" d=\"M{0:.1f} {1:.1f}v5\"/><text class=\"tick middle\""
        " x=\"{0:.1f}\" y=\"{2:.1f}\">{3}</text>\n",
        at, bottom_, bottom_ + 18, escaped(tick.text));
  }
  text += fmt::format("<text class=\"label end\" x=\"{:.1f}\" y=\"{:d}\">{}</text>\n", right_,
                      frame_.height - 6, escaped(frame_.x.label));
  return text +
         fmt::format("<text class=\"label\" x=\"2\" y=\"14\">{}</text>\n", escaped(frame_.y.label));
}

std::string Chart::svg() const {
  // A nested <svg> clips what it holds, without an identifier that must be unique in the page.
  return fmt::format(
      "<svg class=\"chart\" viewBox=\"0 0 {0} {1}\" role=\"img\" aria-label=\"{2}\">\n{3}{4}"
      "<svg x=\"{5:.1f}\" y=\"{6:.1f}\" width=\"{7:.1f}\" height=\"{8:.1f}\" viewBox=\"{5:.1f} "
      "{6:.1f} {7:.1f} {8:.1f}\">\n{9}</svg>\n{10}</svg>\n",
      frame_.width, frame_.height, escaped(frame_.name), below_, axes(), left_, top_,
      right_ - left_, bottom_ - top_, clipped_, above_);
}

Extent::Extent() : low_(HUGE_VAL), high_(-HUGE_VAL) {}

void Extent::see(double value) {
  if (!std::isfinite(value)) return;
  low_ = std::min(low_, value);
  high_ = std::max(high_, value);
}

void Extent::see(std::span<const Point> points) {
  for (const Point& point : points) see(point.y);
}

Axis axis_over(const Extent& extent, std::string label) {
  if (extent.empty()) return {.label = std::move(label)};
  const bool near_zero = extent.low() >= 0 && extent.low() < 0.4 * extent.high();
  const Range range = round_range(near_zero ? 0 : extent.low(), extent.high(), 5);
  return {.low = range.low, .high = range.high, .label = std::move(label)};
}

}  // namespace skipcast::tools
