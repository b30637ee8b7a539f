#include "tools/markup/svg_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>

#include "tools/markup/html.h"

namespace skipcast::tools {
namespace {

constexpr double kWidth = 480, kLeft = 46, kRight = 470, kTop = 10, kBelow = 30;
constexpr double kHeightMin = 150, kHeightMax = 330;  // of the plotting area
constexpr int kColours = 32;
// Anchors of viridis (CC0, matplotlib).
constexpr int kAnchors[][3] = {{68, 1, 84},    {72, 40, 120},  {62, 73, 137},  {49, 104, 142},
                               {38, 130, 142}, {31, 158, 137}, {53, 183, 121}, {110, 206, 88},
                               {181, 222, 43}, {253, 231, 37}};

std::string mixed(double share) {
  const double position = share * (std::size(kAnchors) - 1);
  const auto below = std::min<size_t>(static_cast<size_t>(position), std::size(kAnchors) - 2);
  const double part = position - static_cast<double>(below);
  int rgb[3];
  for (int i = 0; i < 3; ++i) {
    rgb[i] = static_cast<int>(
        std::lround(kAnchors[below][i] * (1 - part) + kAnchors[below + 1][i] * part));
  }
  return fmt::format("#{:02x}{:02x}{:02x}", rgb[0], rgb[1], rgb[2]);
}

// Degrees -> px.
class Projection {
 public:
  Projection(const std::vector<double>& lat, const std::vector<double>& lon, double margin) {
    const auto [south, north] = std::minmax_element(lat.begin(), lat.end());
    const auto [west, east] = std::minmax_element(lon.begin(), lon.end());
    south_ = *south, north_ = *north, west_ = *west, east_ = *east;
    widen(south_, north_, margin);
    widen(west_, east_, margin);
    const double shrink = std::cos((south_ + north_) / 2 * std::numbers::pi / 180);
    const double ratio = (north_ - south_) / ((east_ - west_) * std::max(0.1, shrink));
    height_ = std::clamp((kRight - kLeft) * ratio, kHeightMin, kHeightMax);
    // Taller than fits: keep the shape, leave room beside it.
    width_ = std::min(kRight - kLeft, height_ / ratio);
  }
  double x(double lon) const { return kLeft + (lon - west_) / (east_ - west_) * width_; }
  double y(double lat) const { return kTop + (north_ - lat) / (north_ - south_) * height_; }
  double width() const { return width_; }
  double height() const { return height_; }

  std::string frame() const {
    std::string text = fmt::format(
        "<rect class=\"sea\" x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" "
        "height=\"{:.1f}\"/>\n",
        kLeft, kTop, width_, height_);
    const int columns = std::max(2, static_cast<int>(width_ / 80));
    const int rows = std::max(2, static_cast<int>(height_ / 50));
    for (const Tick& tick : linear_ticks(west_, east_, columns)) {
      text +=
          fmt::format("<text class=\"tick middle\" x=\"{:.1f}\" y=\"{:.1f}\">{}°{}</text>\n",
                      x(tick.at), kTop + height_ + 18, trimmed(tick.text), tick.at < 0 ? "W" : "E");
    }
    for (const Tick& tick : linear_ticks(south_, north_, rows)) {
      text += fmt::format("<text class=\"tick end\" x=\"{:.1f}\" y=\"{:.1f}\">{}°{}</text>\n",
                          kLeft - 5, y(tick.at) + 4, trimmed(tick.text), tick.at < 0 ? "S" : "N");
    }
    return text;
  }

 private:
  static void widen(double& low, double& high, double margin) {
    const double more = std::max((high - low) * margin, high - low < 1e-9 ? 0.05 : 0);
    low -= more, high += more;
  }
  static std::string trimmed(const std::string& text) {
    return text.starts_with('-') ? text.substr(1) : text;
  }

  double south_, north_, west_, east_, width_, height_;
};

// Edges of a grid's outermost cells, so that whole cells are on the map.
std::vector<double> edges(const std::vector<double>& axis) {
  const double half = axis.size() < 2 ? 0.5 : std::abs(axis[1] - axis[0]) / 2;
  const auto [low, high] = std::minmax_element(axis.begin(), axis.end());
  return {*low - half, *high + half};
}

MapLayout grid_layout(const storage::Places& places, int64_t marks_max) {
  MapLayout layout;
  const auto rows = static_cast<int64_t>(places.lat.size());
  const auto columns = static_cast<int64_t>(places.lon.size());
  const auto blocks = [](int64_t cells, int64_t block) { return (cells + block - 1) / block; };
  while (blocks(rows, layout.block) * blocks(columns, layout.block) > marks_max) ++layout.block;
  layout.rows = blocks(rows, layout.block);
  layout.columns = blocks(columns, layout.block);
  const std::vector<double> lat = edges(places.lat), lon = edges(places.lon);
  const Projection projection(lat, lon, 0);
  layout.height = kTop + projection.height() + kBelow;
  layout.frame = projection.frame();
  layout.mark = projection.width() / static_cast<double>(layout.columns) / 2;
  layout.mark_height = projection.height() / static_cast<double>(layout.rows) / 2;
  for (int64_t row = 0; row < layout.rows; ++row) {
    for (int64_t column = 0; column < layout.columns; ++column) {
      layout.x.push_back(kLeft + layout.mark * (2 * static_cast<double>(column) + 1));
      layout.y.push_back(kTop + projection.height() -
                         layout.mark_height * (2 * static_cast<double>(row) + 1));
      layout.names.push_back(
          place_name(places, row * layout.block * columns + column * layout.block));
    }
  }
  return layout;
}

MapLayout node_layout(const storage::Places& places) {
  MapLayout layout;
  const Projection projection(places.lat, places.lon, 0.08);
  layout.height = kTop + projection.height() + kBelow;
  layout.frame = projection.frame();
  layout.mark = places.lat.size() > 100 ? 4.5 : places.lat.size() > 40 ? 6 : 9;
  for (size_t i = 0; i < places.lat.size(); ++i) {
    layout.x.push_back(projection.x(places.lon[i]));
    layout.y.push_back(projection.y(places.lat[i]));
    layout.names.push_back(places.names[i]);
  }
  return layout;
}

std::string open_svg(const MapLayout& layout, const char* css) {
  return fmt::format(
      "<svg class=\"{}\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" "
      "aria-label=\"map\">\n",
      css, layout.width, layout.height);
}

// One mark as a path, for joined ones.
std::string mark_path(const MapLayout& layout, size_t i) {
  if (layout.rows > 0) {
    return fmt::format("M{:.1f} {:.1f}h{:.2f}v{:.2f}h-{:.2f}z", layout.x[i] - layout.mark,
                       layout.y[i] - layout.mark_height, 2 * layout.mark + 0.3,
                       2 * layout.mark_height + 0.3, 2 * layout.mark + 0.3);
  }
  const double r = layout.mark * 1.8;  // thumbnails are small
  return fmt::format(
      "M{:.1f} {:.1f}a{r:.1f} {r:.1f} 0 1 0 {d:.1f} 0a{r:.1f} {r:.1f} 0 1 0 "
      "-{d:.1f} 0z",
      layout.x[i] - r, layout.y[i], fmt::arg("r", r), fmt::arg("d", 2 * r));
}

}  // namespace

std::string place_name(const storage::Places& places, int64_t place) {
  if (places.kind == storage::PlacesKind::kGraph) return places.names[static_cast<size_t>(place)];
  const auto columns = static_cast<int64_t>(places.lon.size());
  const double lat = places.lat[static_cast<size_t>(place / columns)];
  const double lon = places.lon[static_cast<size_t>(place % columns)];
  return fmt::format("{:g}° {}, {:g}° {}", std::abs(lat), lat < 0 ? "S" : "N", std::abs(lon),
                     lon < 0 ? "W" : "E");
}

const std::vector<std::string>& map_palette() {
  static const std::vector<std::string> palette = [] {
    std::vector<std::string> colours;
    for (int i = 0; i < kColours; ++i) {
      colours.push_back(mixed(static_cast<double>(i) / (kColours - 1)));
    }
    return colours;
  }();
  return palette;
}

std::string map_colour(double value, const Range& range) {
  if (!std::isfinite(value)) return "none";
  const double share = std::clamp((value - range.low) / (range.high - range.low), 0.0, 1.0);
  return map_palette()[static_cast<size_t>(std::lround(share * (kColours - 1)))];
}

std::string map_legend(std::string_view label, const Range& range) {
  std::string stops;
  for (const auto& anchor : kAnchors) {
    stops += fmt::format(",rgb({},{},{})", anchor[0], anchor[1], anchor[2]);
  }
  return fmt::format(
      "<div class=\"ramp\"><span class=\"ramp-label\">{}</span><span "
      "class=\"low\">{}</span><i style=\"background:linear-gradient(90deg{})\"></i>"
      "<span class=\"high\">{}</span></div>\n",
      escaped(label), number_html(range.low), stops, number_html(range.high));
}

bool has_map(const storage::Places& places) {
  return places.kind == storage::PlacesKind::kGrid || !places.lat.empty();
}

MapLayout layout_of(const storage::Places& places, int64_t marks_max) {
  SKIPCAST_CHECK(has_map(places));
  return places.kind == storage::PlacesKind::kGrid ? grid_layout(places, marks_max)
                                                   : node_layout(places);
}

std::vector<double> mark_values(const MapLayout& layout, const storage::Places& places,
                                std::span<const double> values) {
  if (layout.rows == 0) return {values.begin(), values.end()};
  const auto columns = static_cast<int64_t>(places.lon.size());
  std::vector<double> sums(layout.x.size()), counts(layout.x.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    const int64_t row = static_cast<int64_t>(i) / columns / layout.block;
    const int64_t column = static_cast<int64_t>(i) % columns / layout.block;
    const auto mark = static_cast<size_t>(row * layout.columns + column);
    sums[mark] += values[i];
    counts[mark] += 1;
  }
  for (size_t i = 0; i < sums.size(); ++i) {
    sums[i] = counts[i] > 0 ? sums[i] / counts[i] : std::numeric_limits<double>::quiet_NaN();
  }
  return sums;
}

std::string map_svg(const MapLayout& layout, std::span<const double> values, const Range& range) {
  std::string text = open_svg(layout, "chart map") + layout.frame;
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string fill = map_colour(values[i], range);
    text += layout.rows > 0
                ? fmt::format(
                      "<rect class=\"mark\" data-i=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" "
                      "width=\"{:.2f}\" height=\"{:.2f}\" fill=\"{}\"/>\n",
                      i, layout.x[i] - layout.mark, layout.y[i] - layout.mark_height,
                      2 * layout.mark + 0.3, 2 * layout.mark_height + 0.3, fill)
                : fmt::format(
                      "<circle class=\"mark node\" data-i=\"{}\" cx=\"{:.1f}\" "
                      "cy=\"{:.1f}\" r=\"{}\" fill=\"{}\"><title>{}</title></circle>\n",
                      i, layout.x[i], layout.y[i], layout.mark, fill, escaped(layout.names[i]));
  }
  return text + "</svg>\n";
}

std::string map_thumbnail(const MapLayout& layout, std::span<const double> values,
                          const Range& range) {
  std::map<std::string, std::string> paths;  // by colour
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string fill = map_colour(values[i], range);
    if (fill != "none") paths[fill] += mark_path(layout, i);
  }
  std::string text = fmt::format(
      "<svg class=\"chart small\" viewBox=\"{0} {1} {2:.1f} {3:.1f}\" "
      "role=\"img\" aria-label=\"map\"><rect class=\"sea\" x=\"{0}\" "
      "y=\"{1}\" width=\"{2:.1f}\" height=\"{3:.1f}\"/>\n",
      kLeft, kTop, kRight - kLeft, layout.height - kTop - kBelow);
  for (const auto& [fill, path] : paths) {
    text += fmt::format("<path fill=\"{}\" d=\"{}\"/>\n", fill, path);
  }
  return text + "</svg>\n";
}

}  // namespace skipcast::tools
