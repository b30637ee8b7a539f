// The paired block bootstrap: coverage on series whose truth is known, and what it refuses.
#include "engine/scores/bootstrap.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

using namespace skipcast::engine;

namespace {

// mean + a first-order autoregression of unit variance.
std::vector<double> autoregression(size_t count, double phi, double mean, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> series;
  double state = normal(random);
  for (size_t i = 0; i < count; ++i) {
    series.push_back(mean + state);
    state = phi * state + std::sqrt(1 - phi * phi) * normal(random);
  }
  return series;
}

std::vector<Contribution> contributions(const std::vector<double>& values, double weight = 1) {
  std::vector<Contribution> shares;
  for (size_t i = 0; i < values.size(); ++i) {
    shares.push_back({static_cast<int64_t>(i) * 3600, values[i] * weight, weight});
  }
  return shares;
}

// Share of 300 intervals of `queries` autoregressive differences that hold the truth.
double coverage(double phi, int64_t block_length, size_t queries) {
  constexpr int kTrials = 300;
  constexpr double kTruth = 0.3;
  int held = 0;
  for (uint64_t trial = 0; trial < kTrials; ++trial) {
    const auto a = contributions(autoregression(queries, phi, kTruth, trial));
    const auto b = contributions(std::vector<double>(queries, 0.0));
    const auto result = paired_difference(
        a, b, {.resamples = 400, .block_length = block_length, .seed = trial + 1});
    REQUIRE(result.ok());
    held += result->low <= kTruth && kTruth <= result->high;
  }
  return held / double{kTrials};
}

}  // namespace

TEST_CASE("Bootstrap: 95 % intervals hold the truth about as often as they say") {
  CHECK(std::abs(coverage(0.0, 0, 400) - 0.95) < 0.04);
  CHECK(coverage(0.6, 0, 400) > 0.88);
  CHECK(coverage(0.6, 0, 400) < 0.98);
}

TEST_CASE("Bootstrap: single queries as blocks would claim too much on dependent series") {
  CHECK(coverage(0.6, 1, 400) < 0.78);
}

TEST_CASE("Bootstrap: the automatic block length is near the optimum of an autoregression") {
  for (const double phi : {0.5, 0.8}) {
    CAPTURE(phi);
    const double ratio = 2 * phi / (1 - phi * phi);
    const double optimum = std::cbrt(1.5 * ratio * ratio * 2000);
    double mean = 0;
    for (uint64_t seed = 0; seed < 40; ++seed) {
      mean += static_cast<double>(automatic_block_length(autoregression(2000, phi, 0, seed))) / 40;
    }
    CHECK(mean > 0.7 * optimum);
    CHECK(mean < 1.3 * optimum);
  }
  double white = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    white += static_cast<double>(automatic_block_length(autoregression(2000, 0, 0, seed))) / 40;
  }
  CHECK(white < 5);
}

TEST_CASE("Bootstrap: block lengths of short and constant series stay in bounds") {
  CHECK(automatic_block_length({}) == 1);
  CHECK(automatic_block_length(std::vector<double>(7, 1.0)) == 1);
  CHECK(automatic_block_length(std::vector<double>(500, 1.0)) == 1);
  std::vector<double> trend(40);
  for (size_t i = 0; i < trend.size(); ++i) trend[i] = static_cast<double>(i);
  CHECK(automatic_block_length(trend) <= 10);
  CHECK(automatic_block_length(trend) >= 3);
}

TEST_CASE("Bootstrap: a constant difference has no width, paired noise cancels") {
  const auto noise = autoregression(200, 0.5, 10, 1);
  std::vector<double> better = noise;
  for (double& value : better) value -= 0.5;
  const auto result = paired_difference(contributions(better), contributions(noise));
  REQUIRE(result.ok());
  CHECK(result->queries == 200);
  CHECK(result->mean == doctest::Approx(-0.5));
  CHECK(result->low == doctest::Approx(-0.5));
  CHECK(result->high == doctest::Approx(-0.5));
  CHECK(result->significant());
  CHECK(result->percent() == doctest::Approx(-50 / result->b));
  CHECK(result->a - result->b == doctest::Approx(result->mean));
}

TEST_CASE("Bootstrap: equal seeds give equal intervals, equal systems no winner") {
  const auto a = contributions(autoregression(300, 0.3, 5, 1));
  const auto b = contributions(autoregression(300, 0.3, 5, 2));
  const auto first = paired_difference(a, b, {.seed = 9});
  const auto again = paired_difference(a, b, {.seed = 9});
  const auto other = paired_difference(a, b, {.seed = 10});
  CHECK(first->low == again->low);
  CHECK(first->high == again->high);
  CHECK(first->low != other->low);
  CHECK(first->low == doctest::Approx(other->low).epsilon(0.2));
  CHECK_FALSE(first->significant());
}

TEST_CASE("Bootstrap: queries weigh as many values as they have") {
  std::vector<Contribution> a = contributions({1, 1, 1, 1}), b = contributions({0, 0, 0, 0});
  a[0] = {0, 90, 9};  // nine values of 10
  b[0] = {0, 0, 9};
  const auto result = paired_difference(a, b);
  CHECK(result->a == doctest::Approx(93.0 / 12));
  a[3].weight = 0;
  CHECK(paired_difference(a, b)->queries == 3);
}

TEST_CASE("Bootstrap: refuses what cannot be paired or asked for") {
  const auto a = contributions({1, 2, 3, 4});
  auto shifted = a;
  shifted[2].origin += 60;
  const auto code = [](const auto& result) { return result.status().code(); };
  CHECK(code(paired_difference(a, shifted)) == skipcast::Code::kBadInput);
  CHECK(code(paired_difference(a, std::span(a).first(3))) == skipcast::Code::kBadInput);
  CHECK(code(paired_difference(std::span(a).first(1), std::span(a).first(1))) ==
        skipcast::Code::kBadInput);
  CHECK(code(paired_difference(a, a, {.resamples = 5})) == skipcast::Code::kUsage);
  CHECK(code(paired_difference(a, a, {.block_length = 5})) == skipcast::Code::kUsage);
  CHECK(code(paired_difference(a, a, {.level = 1})) == skipcast::Code::kUsage);
}

TEST_CASE("Bootstrap: works on tables and any of their metrics") {
  ScoreTable sharp, blunt;
  std::mt19937_64 random(3);
  std::normal_distribution<float> normal;
  const ScoreShape shape{.members = 4, .lead_times = 2, .variables = 1, .places = 5};
  for (int64_t query = 0; query < 60; ++query) {
    std::vector<float> truth(10), near(40), far(40);
    for (float& value : truth) value = normal(random);
    for (size_t i = 0; i < 40; ++i) {
      const float error = normal(random);
      near[i] = truth[i % 10] + 0.5f * error;
      far[i] = truth[i % 10] + error;
    }
    sharp.add(score_query(query, near, truth, shape).value());
    blunt.add(score_query(query, far, truth, shape).value());
  }
  for (const Metric metric : {Metric::kCrpsFair, Metric::kEnergyFair, Metric::kSquaredError}) {
    const auto result = paired_difference(sharp, blunt, metric);
    REQUIRE(result.ok());
    CHECK(result->high < 0);
  }
  CHECK(paired_difference(sharp, blunt, Metric::kCrpsFair)->b ==
        doctest::Approx(blunt.overall().crps_fair));
}
