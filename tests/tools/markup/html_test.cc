// labels: unit
#include "tools/markup/html.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/support/markup.h"
#include "tools/markup/svg_chart.h"
#include "tools/markup/svg_map.h"

using namespace skipcast;
using namespace skipcast::tools;
using skipcast::tests::fetched;
using skipcast::tests::malformed;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<std::string> texts(const std::vector<Tick>& ticks) {
  std::vector<std::string> all;
  for (const Tick& tick : ticks) all.push_back(tick.text);
  return all;
}

}  // namespace

TEST_CASE("Html: text from data cannot become markup") {
  CHECK(escaped("<b>&\"'") == "&lt;b&gt;&amp;&quot;&#39;");
  CHECK(escaped("a\x01\x1f\x7f z\n") == "a    z\n");
  CHECK(escaped("\xc3\x89toile \xe2\x82\xac") == "\xc3\x89toile \xe2\x82\xac");
  CHECK(escaped("\xff\xc3(\xe2\x82") == "\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(script_json("{\"a\":\"</script>\"}") == "{\"a\":\"\\u003c/script>\"}");
}

TEST_CASE("Html: numbers are short, signs are there, what is missing is a dash") {
  CHECK(number_html(25.1234) == "25.12");
  CHECK(number_html(12345.6) == "12346");
  CHECK(number_html(0.000012) == "1.2e-05");
  CHECK(number_html(kNan) == "–");
  CHECK(signed_html(-1.24) == "−1.2");
  CHECK(signed_html(3) == "+3.0");
  CHECK(signed_html(-0.01) == "0.0");
  CHECK(time_html(1577836800 + 3600) == "2020-01-01 01:00");
}

TEST_CASE("Html: elements escape names and close their tags") {
  const std::string all =
      figure({.title = "a<b", .plot = "<p>x</p>", .caption = "c&d"}) +
      choices("g", "Place \"1\"", Control::kSelect, {{"<1>", "one"}, {"2", "two"}}) +
      choices("h", "Lead", Control::kSlider, {{"1", "one"}, {"2", "two"}}) +
      table({.head = {"", "x"}, .rows = {{"r", "1"}}, .row_css = {"policy"}}) +
      notice("run `a<b`") + legend({{"line policy", "<"}});
  CHECK(malformed(all) == "");
  CHECK(malformed("<p>a<b</p>") != "");
  CHECK(malformed("<p><b></p></b>") != "");
  CHECK(malformed("<p>a & b</p>") != "");
  CHECK(fetched("<img src=\"x\">") != "");
  CHECK(fetched("<a href=\"https://x\">x</a>") != "");
  CHECK(fetched("<a href=\"#scores\">x</a>") == "");
}

TEST_CASE("Ticks: round numbers, whole hours and months, powers of ten") {
  CHECK(texts(linear_ticks(0, 10, 5)) == std::vector<std::string>{"0", "2", "4", "6", "8", "10"});
  CHECK(texts(linear_ticks(-0.1, 0.31, 5)) ==
        std::vector<std::string>{"-0.1", "0", "0.1", "0.2", "0.3"});
  CHECK(texts(log_ticks(0.5, 60)) ==
        std::vector<std::string>{"0.5", "1", "2", "5", "10", "20", "50"});
  const int64_t start = 1577836800;  // 2020-01-01
  CHECK(texts(time_ticks(start, start + 86400, 4)) ==
        std::vector<std::string>{"1 Jan", "06:00", "12:00", "18:00", "2 Jan"});
  CHECK(texts(time_ticks(start, start + 366 * 86400, 4)) ==
        std::vector<std::string>{"2020", "Apr", "Jul", "Oct", "2021"});
  CHECK(linear_ticks(5, 5, 4).size() <= 1);
  const Range range = round_range(3, 3, 4);
  CHECK(range.low < 3);
  CHECK(range.high > 3);
}

TEST_CASE("Chart: gaps break lines, hover texts are escaped, numbers stay in bounds") {
  Chart chart({.name = "a \"chart\"",
               .x = {.low = 0, .high = 3, .label = "x"},
               .y = {.low = 0, .high = 1, .label = "y <unit>"}});
  const Point line[] = {{0, 0.5}, {1, kNan}, {2, 1e30}, {3, 0.25}};
  chart.line(line, "policy");
  chart.band(line, line, "policy");
  chart.dot({1, kNan}, 3, "policy");
  chart.dot({1, 0.5}, 3, "policy", "<tip>\nsecond");
  chart.rule_x(1, "origin", "here");
  chart.rule_y(0.5, "level");
  chart.span_x(0, 1, "policy", "span");
  chart.bar(0, 1, 0.5, "policy", "bar");
  chart.column(-1, 1, "column");
  const std::string svg = chart.svg();
  CHECK(malformed(svg) == "");
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(svg.find("e+") == std::string::npos);
  CHECK(svg.find("&lt;tip&gt;") != std::string::npos);
}

TEST_CASE("Map: grids are drawn in blocks when they have too many cells") {
  storage::Places places{.kind = storage::PlacesKind::kGrid};
  for (int i = 0; i < 50; ++i) places.lat.push_back(10 + i);
  for (int i = 0; i < 70; ++i) places.lon.push_back(200 + i);
  const MapLayout layout = layout_of(places, 1000);
  CHECK(layout.block == 2);
  CHECK(layout.rows * layout.columns == 25 * 35);
  std::vector<double> values(50 * 70, 1.0);
  values[0] = values[1] = values[70] = values[71] = kNan;  // a whole block
  values[2] = kNan;
  values[3] = 3;
  const std::vector<double> marks = mark_values(layout, places, values);
  CHECK(std::isnan(marks[0]));
  CHECK(marks[1] == doctest::Approx(5.0 / 3));
  CHECK(malformed(map_svg(layout, marks, {0, 2})) == "");
  CHECK(malformed(map_thumbnail(layout, marks, {0, 2})) == "");
  CHECK(map_colour(kNan, {0, 1}) == "none");
  CHECK(map_colour(5, {0, 1}) == map_palette().back());
  CHECK(place_name(places, 71) == "11° N, 201° E");
}

TEST_CASE("Map: places in a line or at one point still have a map") {
  storage::Places places{.names = {"a", "b"}, .lat = {40, 40}, .lon = {116, 116}};
  CHECK(has_map(places));
  CHECK(malformed(map_svg(layout_of(places, 100), std::vector<double>{1, 2}, {1, 2})) == "");
  CHECK_FALSE(has_map({.names = {"a"}}));
}
