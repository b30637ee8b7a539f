// The picture of a tuning sweep: what it shows of the trials.
#include "tools/figures/tune_figure.h"

#include <doctest/doctest.h>

using namespace skipcast;
using namespace skipcast::tools;

namespace {

engine::Trial trial(int64_t windows, double nfe, double crps) {
  engine::Trial made;
  made.windows = windows;
  made.nfe = nfe;
  made.nfe_shared = 8;
  made.crps = crps;
  made.seconds_per_query = nfe / 100;
  return made;
}

}  // namespace

TEST_CASE("Tune figure: trials on fewer windows, whatever they score, are not drawn") {
  engine::TuneReport report = {.members = 16};
  report.trials = {trial(6, 2, 0.1), trial(25, 2, 0.9), trial(100, 2, 0.5), trial(100, 4, 0.4)};
  report.best_per_nfe[3] = report.trials[2];
  report.best_per_nfe[5] = report.trials[3];
  report.cold_per_nfe[5] = report.trials[3];
  const FrontFigure figure = tune_figure(report, "pm", "front.png");
  REQUIRE(figure.trials.size() == 2);
  CHECK(figure.trials[0].score == 0.5);
  CHECK(figure.trials[0].nfe == 2.5);
  CHECK(figure.trials[0].seconds == 0.02);
  CHECK(figure.trials[1].score == 0.4);
  REQUIRE(figure.curves.size() == 2);
  CHECK(figure.curves[0].points.size() == 2);
  CHECK(figure.curves[1].points.size() == 1);
  CHECK(figure.title.find("pm") != std::string::npos);
  CHECK(figure.path == "front.png");
}
