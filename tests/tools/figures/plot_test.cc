#include "tools/figures/plot.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>

#include "tests/support/skip.h"
#include "tools/figures/gnuplot.h"

using namespace skipcast;
using namespace skipcast::tools;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Size {
  uint32_t width = 0, height = 0;
};

// Width and height in a PNG's header; 0 x 0 when it is none.
Size png_size(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (bytes.size() < 24 || bytes.compare(1, 3, "PNG") != 0) return {};
  const auto number = [&bytes](size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
  };
  return {number(16), number(20)};
}

FanChart fan_chart(const std::string& path) {
  FanPanel panel{.title = "O'Hare \"north\" _1\n"};
  for (int i = 0; i < 6; ++i) {
    panel.past.time_s.push_back(1577836800 + 3600 * i);
    panel.past.value.push_back(i == 3 ? kNan : 10 + i);
    panel.observed.time_s.push_back(1577836800 + 3600 * (6 + i));
    panel.observed.value.push_back(16 + i);
    panel.lead_s.push_back(1577836800 + 3600 * (6 + i));
    panel.q05.push_back(12);
    panel.q25.push_back(14);
    panel.q50.push_back(16);
    panel.q75.push_back(18);
    panel.q95.push_back(20);
  }
  panel.analogs = {panel.observed, panel.observed};
  return {.title = "Test",
          .value_label = "speed (m s-1)",
          .path = path,
          .origin_s = panel.past.time_s.back(),
          .panels = {panel, panel}};
}

bool no_gnuplot() { return !gnuplot_version().ok(); }

}  // namespace

TEST_CASE("Plot: a fan chart is a picture of the size asked for, whatever the names hold") {
  if (no_gnuplot()) return tests::skip("gnuplot is not installed");
  const tests::TempDir folder;
  const FanChart chart = fan_chart(folder.file("fan.png"));
  REQUIRE_MESSAGE(draw_fan_chart(chart).ok(), draw_fan_chart(chart).message());
  const Size size = png_size(chart.path);
  CHECK(size.width == 1100);
  CHECK(size.height == 690);
  CHECK_FALSE(std::filesystem::exists(chart.path + ".tmp"));
}

TEST_CASE("Plot: maps take missing cells and constant fields") {
  if (no_gnuplot()) return tests::skip("gnuplot is not installed");
  const tests::TempDir folder;
  const MapPanel field{.title = "now", .values = {1, 2, 3, kNan, 5, 6}};
  const MapPanel flat{.title = "flat", .values = {4, 4, 4, 4, 4, 4}};
  const MapFigure figure{.title = "Maps",
                         .value_label = "air (K)",
                         .spread_label = "spread (K)",
                         .path = folder.file("map.png"),
                         .lat = {10, 20},
                         .lon = {0, 1, 2},
                         .means = {field, field},
                         .spreads = {flat, flat}};
  const Status status = draw_maps(figure);
  REQUIRE_MESSAGE(status.ok(), status.message());
  CHECK(png_size(figure.path).width == 920);
}

TEST_CASE("Plot: a front of a single trial is drawn too") {
  if (no_gnuplot()) return tests::skip("gnuplot is not installed");
  const tests::TempDir folder;
  const FrontFigure figure{.title = "Front",
                           .score_label = "CRPS",
                           .path = folder.file("f.png"),
                           .trials = {{4, 0.1, 0.5}},
                           .curves = {{"best", {{4, 0.1, 0.5}}}}};
  const Status status = draw_front(figure);
  REQUIRE_MESSAGE(status.ok(), status.message());
  CHECK(png_size(figure.path).height == 560);
}

TEST_CASE("Plot: wrong names and folders are told apart") {
  if (no_gnuplot()) return tests::skip("gnuplot is not installed");
  const tests::TempDir folder;
  CHECK(draw_fan_chart(fan_chart(folder.file("fan.jpg"))).code() == Code::kUsage);
  const Status status = draw_fan_chart(fan_chart(folder.file("none/fan.png")));
  CHECK(status.code() == Code::kIo);
  CHECK(status.message().find("none/fan.png") != std::string::npos);
}

TEST_CASE("Plot: gnuplot's own complaint is passed on") {
  if (no_gnuplot()) return tests::skip("gnuplot is not installed");
  const tests::TempDir folder;
  const Status status = draw({.path = folder.file("x.png"), .script = "plot nonsense(\n"});
  CHECK(status.code() == Code::kIo);
  CHECK(status.message().find("line") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder.file("x.png")));
}
