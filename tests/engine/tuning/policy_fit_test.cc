// From trials to a front, a single setting and a policy.
#include "engine/tuning/policy_fit.h"

#include <doctest/doctest.h>

#include <limits>

#include "engine/forecast/start_table.h"
#include "tests/support/settings.h"

namespace skipcast::tests {
namespace {

using engine::Setting;
using engine::StartKind;
using engine::Trial;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const samplers::ScheduleOptions kRange = {.sigma_min = 0.02, .sigma_max = 80};

// A trial whose CRPS of query i (distance i) is below or above the cut.
Trial trial(const Setting& options, double near, double far, int64_t queries = 48) {
  Trial made = {.options = options, .windows = queries};
  made.nfe = static_cast<double>(options.steps);
  for (int64_t i = 0; i < queries; ++i) {
    // Distances cycle through the queries, so that both halves see all of them.
    made.score_by_query.push_back({i, (i % 12) < 6 ? near : far, 1});
  }
  made.score = (near + far) / 2;
  return made;
}

engine::Measured cycling_distances(int64_t queries = 48) {
  engine::Measured distances;
  for (int64_t i = 0; i < queries; ++i) distances[i] = static_cast<double>(i % 12);
  return distances;
}

TEST_CASE("PolicyFit: the front holds what nothing beats at no more cost") {
  std::vector<Trial> trials = {trial(cold_setting(4), 1, 1), trial(analog_setting(1, 2), 0.9, 0.9),
                               trial(analog_setting(2, 4), 0.8, 0.8),
                               trial(analog_setting(3, 4), 0.85, 0.85),
                               trial(cold_setting(1), 1.5, 1.5)};
  trials[2].nfe_shared = 1;
  engine::mark_front(trials, 16);
  CHECK_FALSE(trials[0].on_front);
  CHECK(trials[1].on_front);
  CHECK(trials[2].on_front);
  CHECK(trials[3].on_front);  // cheaper by the shared evaluation
  CHECK(trials[4].on_front);
  trials.push_back(trial(analog_setting(5, 6), 0.95, 0.95));
  const auto best = engine::best_per_nfe(trials, engine::Starts::kAny);
  REQUIRE(best.size() == 4);
  CHECK(best.at(1).score == doctest::Approx(1.5));
  CHECK(best.at(2).score == doctest::Approx(0.9));
  CHECK(best.at(4).score == doctest::Approx(0.8));
  CHECK(best.at(6).score == doctest::Approx(0.8));  // six evaluations need not be spent
  CHECK(engine::best_per_nfe(trials, engine::Starts::kCold).size() == 2);
}

TEST_CASE("PolicyFit: blind controls are measured and never chosen, however they score") {
  const auto blind = [](StartKind kind, int64_t steps) {
    Setting setting = analog_setting(1, steps);
    setting.start.kind = kind;
    return trial(setting, 0.1, 0.1);
  };
  Setting mismatched = analog_setting(1, 3);
  mismatched.mismatched_retrieval = true;
  std::vector<Trial> trials = {trial(cold_setting(3), 1, 1),  trial(analog_setting(1, 3), 0.9, 0.9),
                               blind(StartKind::kRandom, 3),  blind(StartKind::kRandom, 0),
                               blind(StartKind::kPersist, 2), blind(StartKind::kMismatched, 3),
                               trial(mismatched, 0.1, 0.1)};
  CHECK(&engine::single_choice(trials, 16) == &trials[1]);
  CHECK(engine::mid_chain_choice(trials, 0.1, 16) == &trials[1]);
  const auto best = engine::best_per_nfe(trials, engine::Starts::kAny);
  REQUIRE(best.size() == 1);
  CHECK(best.at(3).score == doctest::Approx(0.9));
  CHECK(engine::best_per_nfe(trials, engine::Starts::kCold).size() == 1);
  for (const auto& bin : engine::fit_policy(trials, cycling_distances(), {16, kRange}).bins) {
    CHECK_FALSE(engine::is_control(bin.options));
  }
  engine::mark_front(trials, 16);
  CHECK(trials[1].on_front);
  for (size_t i = 2; i < trials.size(); ++i) CHECK_FALSE(trials[i].on_front);
}

TEST_CASE("PolicyFit: analogs alone are chosen only where no chain is as good") {
  std::vector<Trial> trials = {trial(cold_setting(3), 1, 1), trial(analog_setting(1, 0), 0.8, 0.8),
                               trial(analog_setting(1, 3), 0.803, 0.803)};
  CHECK(engine::single_choice(trials, 16).options.steps == 3);
  trials[2] = trial(analog_setting(1, 3), 0.81, 0.81);
  CHECK(engine::single_choice(trials, 16).options.steps == 0);
}

TEST_CASE("PolicyFit: the mid-chain setting is the cheapest within a percent, else the best") {
  const auto made = [](const Setting& options, double crps) {
    Trial each = trial(options, crps, crps);
    each.crps = crps;
    return each;
  };
  std::vector<Trial> trials = {made(cold_setting(1), 0.5), made(analog_setting(3, 0), 1),
                               made(analog_setting(1, 4), 1.02)};
  CHECK(engine::mid_chain_choice(std::span(trials).first(2), 1, 16) == nullptr);
  CHECK(engine::mid_chain_choice(trials, 1, 16) == &trials[2]);
  trials.push_back(made(analog_setting(3, 6), 1.0));
  trials.push_back(made(analog_setting(2, 3), 1.009));
  trials.push_back(made(analog_setting(2, 2), 1.011));
  CHECK(engine::mid_chain_choice(trials, 1, 16) == &trials[4]);
  CHECK(engine::mid_chain_choice(trials, 1.5, 16) == &trials[5]);
}

TEST_CASE("PolicyFit: calibration is worth one percent of score, texture half a percent") {
  const auto made = [](double score, double spread_skill, double variogram) {
    Trial each = trial(analog_setting(1, 3), score, score);
    each.spread_skill = spread_skill;
    each.variogram = variogram;
    return each;
  };
  const auto chosen = [](const std::vector<Trial>& trials) {
    return engine::best_per_nfe(trials, engine::Starts::kAny).begin()->second.score;
  };
  CHECK(chosen({made(1, 0.8, 2), made(1.009, 0.95, 9)}) == 1.009);
  CHECK(chosen({made(1, 0.8, 2), made(1.011, 0.95, 1)}) == 1);
  CHECK(chosen({made(1, 1, 2), made(1.004, 1, 1), made(1.006, 1, 0.5)}) == 1.004);
  CHECK(chosen({made(1, 0.7, 2), made(1.004, 0.7, 1)}) == 1.004);
  Trial far = trial(cold_setting(3), 2, 2);
  far.variogram = 1;
  CHECK(chosen({made(1, 1, 1.1), made(1.009, 1, 1.01), far}) == 1.009);
  CHECK(chosen({made(1, 1, 1.1), made(1.009, 1, 1.02), far}) == 1);
}

TEST_CASE("PolicyFit: the cheapest within half a percent of the best is chosen, cold if as good") {
  const std::vector<Trial> trials = {
      trial(cold_setting(3), 1, 1), trial(cold_setting(6), 0.95, 0.95),
      trial(analog_setting(1, 6), 0.9, 0.9), trial(analog_setting(2, 3), 0.904, 0.904)};
  CHECK(engine::single_choice(trials, 16).options.steps == 3);
  CHECK(engine::single_choice(trials, 16).options.start.kind == StartKind::kAnalog);
  std::vector<Trial> luck = trials;  // the analog is good on the choosing half alone
  for (int64_t i = 0; i < 48; ++i) {
    if ((i / 4) % 2 == 1) {
      luck[2].score_by_query[i].sum = 2;
      luck[3].score_by_query[i].sum = 2;
    }
  }
  CHECK(engine::single_choice(luck, 16).options.start.kind == StartKind::kCold);
}

TEST_CASE("PolicyFit: a setting that is lucky on one half does not hide one good on both") {
  std::vector<Trial> trials = {trial(cold_setting(3), 1, 1), trial(analog_setting(1, 3), 0.9, 0.9),
                               trial(analog_setting(2, 3), 0.5, 0.5)};
  for (int64_t i = 0; i < 48; ++i) {
    if ((i / 4) % 2 == 1) trials[2].score_by_query[i].sum = 1.1;
  }
  CHECK(*engine::single_choice(trials, 16).options.depth.entry_sigma == 1);
}

TEST_CASE("PolicyFit: bins appear where the held-back half confirms them, cold beyond all seen") {
  const std::vector<Trial> trials = {
      trial(cold_setting(3), 1, 1), trial(cold_setting(8), 0.96, 0.96),
      trial(analog_setting(1, 3), 0.5, 0.95), trial(analog_setting(9, 3), 0.9, 0.7)};
  const auto bins = engine::fit_policy(trials, cycling_distances(), {16, kRange}).bins;
  REQUIRE(bins.size() >= 3);
  CHECK(*bins.front().options.depth.entry_sigma == 1);
  CHECK(*bins[bins.size() - 2].options.depth.entry_sigma == 9);
  CHECK(bins[bins.size() - 2].distance_max == 11);
  CHECK(bins.back().options.start.kind == StartKind::kCold);
  CHECK(bins.back().options.steps == 8);  // rare, so worth its evaluations
  CHECK(bins.back().distance_max == kInfinity);
}

TEST_CASE("PolicyFit: bins that only luck supports are not accepted") {
  std::vector<Trial> trials = {trial(cold_setting(3), 1, 1), trial(analog_setting(1, 3), 0.7, 0.8),
                               trial(analog_setting(9, 3), 0.8, 0.79)};
  for (int64_t i = 0; i < 48; ++i) {
    if ((i / 4) % 2 == 1) trials[2].score_by_query[i].sum = 0.9;
  }
  const auto bins = engine::fit_policy(trials, cycling_distances(), {16, kRange}).bins;
  REQUIRE(bins.size() == 2);
  CHECK(*bins[0].options.depth.entry_sigma == 1);
  CHECK(bins[1].options.start.kind == StartKind::kCold);
}

TEST_CASE("PolicyFit: a gain that one measure would confirm is luck among many") {
  // On the confirming half the far bin's own setting wins in most blocks and loses in some.
  std::vector<Trial> trials = {trial(cold_setting(3), 1, 1), trial(analog_setting(1, 3), 0.7, 0.8),
                               trial(analog_setting(9, 3), 0.8, 0.7)};
  for (int64_t i = 0; i < 48; ++i) {
    if ((i / 4) % 12 == 11) trials[2].score_by_query[i].sum = 0.86;
  }
  for (Trial& each : trials) {
    for (int64_t i = 0; i < 24; ++i) {
      engine::Contribution later = each.score_by_query[i];
      later.origin += 48;
      each.score_by_query.push_back(later);
    }
  }
  const auto shapes = [&](int64_t measures) {
    return engine::fit_policy(trials, cycling_distances(72), {16, kRange, measures}).bins.size();
  };
  CHECK(shapes(1) > 2);
  CHECK(shapes(1000) == 2);
}

TEST_CASE("PolicyFit: when cold is best there is one bin, cold") {
  const std::vector<Trial> trials = {trial(cold_setting(3), 0.5, 0.5),
                                     trial(analog_setting(1, 3), 0.9, 0.9)};
  const auto bins = engine::fit_policy(trials, {}, {16, kRange}).bins;
  REQUIRE(bins.size() == 1);
  CHECK(bins[0].options.start.kind == StartKind::kCold);
  CHECK(bins[0].distance_max == kInfinity);
}

}  // namespace
}  // namespace skipcast::tests
