// What is chosen must hold on windows that chose nothing.
#include "engine/tuning/confirm.h"

#include <doctest/doctest.h>

#include <random>
#include <set>

#include "engine/forecast/start_table.h"
#include "engine/settings/presets.h"
#include "engine/tuning/policy_fit.h"

using namespace skipcast;
using engine::Contender;
using engine::Outcome;
using engine::Trial;

namespace {

// Scores about 1 that all systems share a part of, as forecasts of the same weather do, and beside
// it a mean loss and noise of this system's own.
std::vector<engine::Contribution> scores(double loss, double noise, uint64_t seed,
                                         int64_t queries = 200) {
  std::mt19937_64 shared(99), own(seed);
  std::normal_distribution<double> normal;
  std::vector<engine::Contribution> made;
  for (int64_t i = 0; i < queries; ++i) {
    made.push_back({i, 1 + loss + 0.3 * normal(shared) + noise * normal(own), 1});
  }
  return made;
}

const Contender kUntuned = {scores(0, 0.02, 1), 35};

Trial trial(engine::StartKind kind, int64_t steps, double score) {
  Trial made = {.options = {.start = {.kind = kind}, .steps = steps}, .windows = 40};
  made.nfe = static_cast<double>(steps);
  made.score = made.crps = score;
  for (int64_t i = 0; i < 40; ++i) made.score_by_query.push_back({i, score, 1});
  made.crps_by_query = made.score_by_query;
  return made;
}

}  // namespace

TEST_CASE("Confirm: a gain that noise does not explain is better, whatever it costs") {
  const std::vector<Contender> offered = {{scores(-0.03, 0.05, 2), 50}};
  const engine::Decision decision = engine::decide(offered, kUntuned);
  CHECK(decision.outcome == Outcome::kBetter);
  CHECK(decision.loss.high < 0);
  CHECK(decision.loss.queries == 200);
}

TEST_CASE("Confirm: a gain that noise may explain leaves the untuned setting, unless it is cheap") {
  const std::vector<engine::Contribution> noisy = scores(-0.01, 0.2, 3);
  CHECK(engine::decide(std::vector<Contender>{{noisy, 4}}, kUntuned).outcome == Outcome::kUntuned);
  const std::vector<engine::Contribution> alike = scores(0.001, 0.02, 4);
  CHECK(engine::decide(std::vector<Contender>{{alike, 4}}, kUntuned).outcome == Outcome::kCheaper);
  CHECK(engine::decide(std::vector<Contender>{{alike, 35}}, kUntuned).outcome == Outcome::kUntuned);
  const std::vector<engine::Contribution> worse = scores(0.02, 0.02, 5);
  CHECK(engine::decide(std::vector<Contender>{{worse, 4}}, kUntuned).outcome == Outcome::kUntuned);
}

TEST_CASE("Confirm: one that is better comes before one that is cheap, the first of those first") {
  const Contender cheap = {scores(0, 0.02, 6), 2}, good = {scores(-0.03, 0.05, 7), 4};
  const engine::Decision decision = engine::decide(std::vector{cheap, good, good}, kUntuned);
  CHECK(decision.outcome == Outcome::kBetter);
  CHECK(decision.contender == 1);
  CHECK(engine::decide(std::vector{cheap, cheap}, kUntuned).contender == 0);
}

TEST_CASE("Confirm: too few windows to compare leave the untuned setting") {
  const std::vector<Contender> offered = {{scores(-0.5, 0, 1, 5), 4}};
  const engine::Decision decision = engine::decide(offered, {scores(0, 0, 1, 5), 35});
  CHECK(decision.outcome == Outcome::kUntuned);
  CHECK(decision.loss.queries == 0);
}

TEST_CASE("Confirm: of many sweeps that found nothing, few take what they found") {
  int taken = 0;
  for (uint64_t sweep = 0; sweep < 200; ++sweep) {
    const std::vector<Contender> offered = {{scores(0, 0.1, 1000 + 3 * sweep), 40},
                                            {scores(0, 0.1, 1001 + 3 * sweep), 40},
                                            {scores(0, 0.1, 1002 + 3 * sweep), 40}};
    taken += engine::decide(offered, kUntuned).outcome != Outcome::kUntuned;
  }
  CHECK(taken <= 15);  // 5 of 200 are expected: half of the 5 % lie on the side of a gain
}

TEST_CASE("Confirm: runners up are the best of every cost, no control and no one twice") {
  using Kind = engine::StartKind;
  const std::vector<Trial> trials = {trial(Kind::kCold, 3, 1),     trial(Kind::kAnalog, 3, 0.8),
                                     trial(Kind::kRandom, 2, 0.1), trial(Kind::kAnalog, 2, 0.9),
                                     trial(Kind::kAnalog, 4, 0.7), trial(Kind::kAnalog, 1, 0.95)};
  REQUIRE(&engine::single_choice(trials, 16) == &trials[4]);
  const auto beside = engine::runners_up(trials, 16, 2);
  REQUIRE(beside.size() == 2);
  CHECK(beside[0] == &trials[1]);
  CHECK(beside[1] == &trials[3]);
  CHECK(engine::runners_up(trials, 16, 9).size() == 3);
}

TEST_CASE("Confirm: the untuned settings are what forecast does unasked, and the long cold start") {
  const auto untuned = engine::untuned_settings();
  REQUIRE(untuned.size() == 2);
  CHECK(untuned[0] == engine::Setting());
  CHECK(engine::describe(untuned[1]).find("heun") != std::string::npos);
  for (const engine::Setting& each : untuned) CHECK_FALSE(engine::is_control(each));
}

TEST_CASE("Confirm: outcomes have words of their own") {
  const std::set<std::string> words = {engine::word(Outcome::kBetter),
                                       engine::word(Outcome::kCheaper),
                                       engine::word(Outcome::kUntuned)};
  CHECK(words == std::set<std::string>{"better", "cheaper", "untuned"});
}
