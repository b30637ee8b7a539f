// labels: unit
#include "engine/tuning/variations.h"

// Before anything else that brings doctest or a CHECK of LibTorch.
#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "engine/forecast/reverse_chain.h"
#include "tests/support/gaussian_city.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::Setting;
using engine::StartKind;

Setting analog(int64_t steps) {
  Setting options = {.steps = steps};
  if (steps > 0) options.depth.entry_sigma = 3;
  return options;
}

const engine::TuneSpace kSpace = {.moments = true};

int64_t nfe_of(const Setting& options) {
  const auto chain = engine::chain_for(ar1_task(), engine::ForecastOptions{options, {}});
  REQUIRE_MESSAGE(chain.ok(), chain.status().message());
  return engine::evaluations(*chain);
}

TEST_CASE("Variations: every one runs, at the same evaluations, and no two are the same") {
  for (const StartKind kind : {StartKind::kAnalog, StartKind::kCold, StartKind::kMean}) {
    for (const int64_t nfe : {1, 2, 3, 4, 5, 10}) {
      Setting base = analog(nfe);
      base.start.kind = kind;
      std::set<std::string> seen;
      const auto turned = engine::variations(base, nfe, kSpace);
      for (const Setting& options : turned) {
        CHECK(nfe_of(options) == nfe);
        seen.insert(engine::describe(options));
      }
      // Some knobs are turned back to where they are: those are the base itself.
      const auto unchanged = std::count_if(turned.begin(), turned.end(), [&](const auto& each) {
        return engine::describe(each) == engine::describe(base);
      });
      CHECK(seen.size() + static_cast<size_t>(unchanged) - 1 == turned.size());
    }
  }
}

TEST_CASE("Calibration: knots that make spread and error alike, from where they are now") {
  engine::Trial trial = {.options = analog(2)};
  CHECK(engine::calibrated(trial).empty());
  trial.spread_skill = 0.8;
  REQUIRE(engine::calibrated(trial).size() == 2);
  CHECK(engine::calibrated(trial)[1].inflation == std::vector<double>{1.25});
  trial.options.inflation = {1.2};
  trial.lead_spread_skill = {1.25, 1.0, 0.8};
  std::vector<std::vector<double>> knots;
  for (const Setting& options : engine::calibrated(trial)) {
    knots.push_back(options.inflation);
    CHECK(nfe_of(options) == 2);
  }
  // Whole and part of the way with one knot and with two; four do not fit three lead times.
  const std::vector<std::vector<double>> expected = {{1.2}, {1.2}, {1.1, 1.31}, {1.03, 1.39}};
  CHECK(knots == expected);
  trial.lead_spread_skill = {0.001, std::nan(""), 0.001};
  CHECK(engine::calibrated(trial)[1].inflation == std::vector<double>{2});
}

TEST_CASE("Variations: a setting of two evaluations a step is varied at what it costs") {
  Setting base = analog(2);
  base.solver = "heun";
  for (const Setting& options : engine::variations(base, 3, kSpace)) {
    CHECK(nfe_of(options) == 3);
  }
  base.depth = {.sigmas = {4, 1}};
  for (const Setting& options : engine::variations(base, 3, kSpace)) {
    CHECK(options.solver == "heun");
  }
}

TEST_CASE("Variations: gms where the model has moments, and then without an exit") {
  const auto has_gms = [](const Setting& base, const engine::TuneSpace& space) {
    int64_t found = 0;
    for (const Setting& options : engine::variations(base, 3, space)) {
      if (options.solver != "gms") continue;
      CHECK(options.exit_tolerance == 0);
      ++found;
    }
    return found;
  };
  Setting base = analog(3);
  base.exit_tolerance = 0.1;
  CHECK(has_gms(base, kSpace) == 2);
  CHECK(has_gms(base, {}) == 0);
  base.solver = "gms";
  CHECK(engine::anytime(base).empty());
}

TEST_CASE("Variations: knobs that a start does not have are left alone") {
  Setting cold = analog(3);
  cold.start.kind = StartKind::kCold;
  for (const Setting& options : engine::variations(cold, 3, kSpace)) {
    CHECK(options.start.pool == 0);
    CHECK(options.start.added_noise == 0);
    CHECK(options.start.cold_share == 0);
  }
  bool spread = false, pool = false;
  for (const Setting& options : engine::variations(analog(0), 0, kSpace)) {
    CHECK(options.start.cold_share == 0);  // members without a chain cannot start cold
    CHECK(options.solver == "dpmpp_2m");
    spread = spread || options.start.added_noise > 0;
    pool = pool || options.start.pool > 0;
  }
  CHECK(spread);
  CHECK(pool);
}

TEST_CASE("Levels: what a setting runs, each moved alone and kept between its neighbours") {
  const samplers::ScheduleOptions schedule = {.sigma_min = 0.02, .sigma_max = 80};
  CHECK(engine::levels_of(analog(0), schedule).empty());
  const auto levels = engine::levels_of(analog(3), schedule);
  REQUIRE(levels.size() == 3);
  CHECK(levels.front() == 3);
  CHECK(levels.back() == 0.02);
  const auto moved = engine::moved_levels(analog(3), schedule, 1.5);
  CHECK(moved.size() == 5);  // the last one cannot go below sigma_min
  for (const Setting& options : moved) {
    const std::vector<double>& now = options.depth.sigmas;
    REQUIRE(now.size() == 3);
    CHECK_FALSE(options.depth.entry_sigma);
    int64_t changed = 0;
    for (size_t i = 0; i < 3; ++i) changed += now[i] != levels[i];
    CHECK(changed == 1);
    CHECK(nfe_of(options) == 3);
  }
  Setting tight = analog(2);
  tight.depth = {.sigmas = {1, 0.9}};
  CHECK(engine::moved_levels(tight, schedule, 1.5).size() == 2);  // apart, not across each other
}

}  // namespace
}  // namespace skipcast::tests
