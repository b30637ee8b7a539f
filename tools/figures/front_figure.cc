#include <fmt/format.h>

#include <cmath>

#include "tools/figures/gnuplot.h"
#include "tools/figures/plot.h"

namespace skipcast::tools {
namespace {

constexpr const char* kColours[] = {"#08519c", "#d94801", "#238b45", "#6a51a3", "#636363"};

std::string block(const std::string& name, const std::vector<FrontPoint>& points) {
  std::string text = "$" + name + " << EOD\n";
  for (const FrontPoint& point : points) {
    text += fmt::format("{:.6g} {:.6g} {:.6g}\n", point.nfe, 1000 * point.seconds, point.score);
  }
  return text + "EOD\n";
}

// One of the two plots: `column` is 1 for NFE and 2 for milliseconds.
std::string side(const FrontFigure& figure, int column) {
  std::string text = fmt::format(
      "plot $trials using {}:3 with points pt 7 ps 0.4 lc rgb '#cccccc' "
      "title 'trials on all windows'",
      column);
  for (size_t i = 0; i < figure.curves.size(); ++i) {
    text += fmt::format(
        ", \\\n $curve{} using {}:3 with linespoints lw 2 pt 7 ps 0.8 lc rgb '{}' "
        "title {}",
        i, column, kColours[i % std::size(kColours)], quoted(figure.curves[i].name));
  }
  if (std::isfinite(figure.reference)) {
    text += fmt::format(", \\\n {:.6g} with lines dt 2 lc rgb '#252525' title {}", figure.reference,
                        quoted(figure.reference_name));
  }
  return text + "\n";
}

}  // namespace

Status draw_front(const FrontFigure& figure) {
  SKIPCAST_CHECK(!figure.trials.empty());
  Picture picture{.path = figure.path, .width_px = 1300, .height_px = 560};
  std::string& text = picture.script;
  text += block("trials", figure.trials);
  for (size_t i = 0; i < figure.curves.size(); ++i) {
    text += block(fmt::format("curve{}", i), figure.curves[i].points);
  }
  // A few poor trials must not squeeze the front into a line.
  text +=
      "stats $trials using 3 nooutput\nset yrange [*:STATS_median + (STATS_median - STATS_min)]\n";
  text += "if (STATS_median <= STATS_min) set yrange [*:*]\n";
  text += "set border 3\nset tics nomirror\nset grid lc rgb '#dddddd'\nset key above horizontal\n";
  text += "set ylabel " + quoted(figure.score_label) + "\n";
  text += "set multiplot layout 1,2 title " + quoted(figure.title) + " font ',13'\n";
  text += "set xlabel 'network evaluations a member (NFE), shared ones included'\n";
  text += "set xtics 1\n" + side(figure, 1) + "set xtics autofreq\n";
  text += "set xlabel 'wall time a query (ms), retrieval included'\nset logscale x\nunset key\n";
  text += side(figure, 2);
  text += "unset multiplot\n";
  return draw(picture);
}

}  // namespace skipcast::tools
