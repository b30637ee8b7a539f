// Scores against closed forms, hand-computed cases and their own symmetries.
#include "engine/scores/scores.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

using namespace skipcast::engine;

namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

struct Case {
  ScoreShape shape;
  std::vector<float> ensemble, observed;

  ScoreRow score(const ScoreOptions& options = {}, int64_t origin = 0) const {
    return score_query(origin, ensemble, observed, shape, options).value();
  }
  Scores overall(const ScoreOptions& options = {}) const {
    ScoreTable table;
    table.add(score(options));
    return table.overall();
  }
};

// Members at one place, one lead time, one variable.
Case one_value(std::vector<float> members, float observed) {
  return {{.members = std::ssize(members), .lead_times = 1, .variables = 1, .places = 1},
          std::move(members),
          {observed}};
}

// Members and observation drawn from normal laws of the given spreads around a common mean.
Case drawn(const ScoreShape& shape, double spread, double observed_spread, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Case drawn_case{.shape = shape};
  const int64_t each = shape.lead_times * shape.variables * shape.places;
  for (int64_t i = 0; i < shape.members * each; ++i) {
    drawn_case.ensemble.push_back(static_cast<float>(spread * normal(random)));
  }
  for (int64_t i = 0; i < each; ++i) {
    drawn_case.observed.push_back(static_cast<float>(observed_spread * normal(random)));
  }
  return drawn_case;
}

// Mean CRPS of N(0, 1) at y (Gneiting & Raftery 2007, eq. 21 for unit variance).
double gaussian_crps(double y) {
  const double density = std::exp(-y * y / 2) / std::sqrt(2 * std::acos(-1.0));
  return y * std::erf(y / std::sqrt(2.0)) + 2 * density - 1 / std::sqrt(std::acos(-1.0));
}

}  // namespace

TEST_CASE("CRPS: hand-computed for two and three members") {
  const Scores two = one_value({1, 3}, 2).overall();
  CHECK(two.crps == doctest::Approx(0.5));
  CHECK(two.crps_fair == doctest::Approx(0.0));
  const Scores three = one_value({0, 6, 3}, 9).overall();  // distances 9, 3, 6; pairs 6, 3, 3
  CHECK(three.crps == doctest::Approx(6 - 12.0 / 9));
  CHECK(three.crps_fair == doctest::Approx(6 - 12.0 / 6));
}

TEST_CASE("CRPS: a fine ensemble of a Gaussian reaches the closed form") {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> members(1000);
  for (float& member : members) member = normal(random);
  for (const double y : {-2.0, 0.0, 0.7, 3.0}) {
    const Scores scores = one_value(members, static_cast<float>(y)).overall();
    CHECK(scores.crps == doctest::Approx(gaussian_crps(y)).epsilon(0.05));
    CHECK(scores.crps_fair < scores.crps);
    CHECK(scores.crps_fair == doctest::Approx(scores.crps).epsilon(0.01));
  }
}

TEST_CASE("CRPS: the fair one does not depend on the number of members, the plain one does") {
  const double expected = 1 / std::sqrt(std::acos(-1.0));  // calibrated N(0, 1)
  for (const int64_t members : {2, 3, 8, 32}) {
    CAPTURE(members);
    const Case calibrated =
        drawn({.members = members, .lead_times = 1, .variables = 1, .places = 200'000}, 1, 1, 3);
    const Scores scores = calibrated.overall({.pairs_max = 0});
    CHECK(scores.crps_fair == doctest::Approx(expected).epsilon(0.01));
    CHECK(scores.crps ==
          doctest::Approx(expected * (1 + 1 / static_cast<double>(members))).epsilon(0.01));
  }
}

TEST_CASE("One member: fair scores are the absolute error, spread is nothing") {
  const Scores scores = one_value({4}, 1).overall();
  CHECK(scores.crps_fair == 3);
  CHECK(scores.crps == 3);
  CHECK(scores.energy_fair == 3);
  CHECK(scores.mae == 3);
  CHECK(scores.rmse == 3);
  CHECK(scores.spread_skill == 0);
}

TEST_CASE("Energy score: equals CRPS for a single value") {
  const Scores scores = one_value({0.5f, -1, 2, 7}, 1.25f).overall();
  CHECK(scores.energy == doctest::Approx(scores.crps));
  CHECK(scores.energy_fair == doctest::Approx(scores.crps_fair));
}

TEST_CASE("Energy score: hand-computed, divided by the root of the number of values") {
  const Case two_places{
      {.members = 2, .lead_times = 1, .variables = 1, .places = 2}, {0, 0, 3, 4}, {0, 0}};
  const Scores scores = two_places.overall();
  CHECK(scores.energy == doctest::Approx((2.5 - 1.25) / std::sqrt(2.0)));
  CHECK(scores.energy_fair == doctest::Approx(0.0));
  // The same numbers as lead times of one place: joint over both, and each lead time by itself.
  const Case two_leads{
      {.members = 2, .lead_times = 2, .variables = 1, .places = 1}, {0, 0, 3, 4}, {0, 0}};
  ScoreTable table;
  table.add(two_leads.score());
  CHECK(table.overall().energy == doctest::Approx(scores.energy));
  CHECK(table.at_lead(1).energy == doctest::Approx(table.at_lead(1).crps));
}

TEST_CASE("Energy score: calibrated white noise costs sqrt(2)/2 of its spread in high dimensions") {
  const ScoreShape shape{.members = 8, .lead_times = 20, .variables = 1, .places = 500};
  const double energy = drawn(shape, 3, 3, 5).overall({.pairs_max = 0}).energy_fair;
  CHECK(energy == doctest::Approx(3 / std::sqrt(2.0)).epsilon(0.02));
}

TEST_CASE("Variogram score: hand-computed over places and over lead times") {
  const Case places{{.members = 2, .lead_times = 1, .variables = 1, .places = 2},
                    {0, 1, 0, 9},  // roots of the differences 1 and 3: mean 2
                    {10, 19}};     // root 3
  CHECK(places.overall().variogram_places == doctest::Approx(1));
  CHECK(places.overall().variogram == doctest::Approx(1));
  CHECK(std::isnan(places.overall().variogram_lead_times));
  const Case leads{{.members = 1, .lead_times = 2, .variables = 1, .places = 1}, {0, 4}, {5, 6}};
  CHECK(leads.overall().variogram_lead_times == doctest::Approx(1));
  CHECK(leads.overall().variogram == doctest::Approx(1));
  const Case both{
      {.members = 1, .lead_times = 2, .variables = 1, .places = 2}, {0, 1, 0, 1}, {0, 4, 0, 4}};
  CHECK(both.overall().variogram_places == doctest::Approx(1));
  CHECK(both.overall().variogram_lead_times == doctest::Approx(0.0));
  CHECK(both.overall().variogram == doctest::Approx(0.5));
}

TEST_CASE("Variogram score: tells apart ensembles that differ only in their correlation") {
  // Observed states are flat over places; one ensemble is flat as well, the other white.
  std::mt19937_64 random(11);
  std::normal_distribution<float> normal;
  Case flat{.shape = {.members = 20, .lead_times = 4, .variables = 1, .places = 30}};
  Case white = flat;
  for (int64_t i = 0; i < 20 * 4; ++i) {
    const float level = normal(random);
    for (int64_t place = 0; place < 30; ++place) {
      flat.ensemble.push_back(level);
      white.ensemble.push_back(normal(random));
    }
  }
  for (int64_t i = 0; i < 4; ++i) {
    const float level = normal(random);
    for (int64_t place = 0; place < 30; ++place) flat.observed.push_back(level);
  }
  white.observed = flat.observed;
  CHECK(flat.overall().variogram_places == doctest::Approx(0.0));
  CHECK(white.overall().variogram_places > 0.5);
}

TEST_CASE("Variogram score: thinned pairs are few, and stand for all of them") {
  const Case field = drawn({.members = 4, .lead_times = 6, .variables = 1, .places = 300}, 1, 1, 7);
  const ScoreRow row = field.score({.pairs_max = 500});
  for (const LeadSums& lead : row.leads) {
    CHECK(lead.pairs <= 500);
    CHECK(lead.pairs > 400);
  }
  CHECK(row.joint[0].pairs <= 500);
  CHECK(row.joint[0].pairs > 400);
  const Scores thinned = field.overall({.pairs_max = 2000});
  const Scores all = field.overall({.pairs_max = 1'000'000});
  CHECK(field.score({.pairs_max = 1'000'000}).leads[0].pairs == 300 * 299 / 2);
  CHECK(field.score({.pairs_max = 1'000'000}).joint[0].pairs == 300 * 15);
  CHECK(thinned.variogram_places == doctest::Approx(all.variogram_places).epsilon(0.05));
  CHECK(thinned.variogram_lead_times == doctest::Approx(all.variogram_lead_times).epsilon(0.1));
  CHECK(field.score({.pairs_max = 0}).leads[0].pairs == 0);
}

TEST_CASE("RMSE, MAE, spread: hand-computed") {
  const Case two_places{{.members = 2, .lead_times = 1, .variables = 1, .places = 2},
                        {1, 10, 3, 14},  // means 2 and 12, variances 2 and 8
                        {5, 8}};         // errors -3 and 4
  const Scores scores = two_places.overall();
  CHECK(scores.mae == doctest::Approx(3.5));
  CHECK(scores.rmse == doctest::Approx(std::sqrt(12.5)));
  CHECK(scores.spread == doctest::Approx(std::sqrt(1.5 * 5)));
  CHECK(scores.spread_skill == doctest::Approx(std::sqrt(7.5 / 12.5)));
}

TEST_CASE("Spread-skill: 1 for calibrated ensembles of any size, below for narrow ones") {
  for (const int64_t members : {2, 4, 16}) {
    const ScoreShape shape{.members = members, .lead_times = 1, .variables = 1, .places = 100'000};
    const auto spread_skill = [&shape](double spread) {
      return drawn(shape, spread, 1, 1).overall({.pairs_max = 0}).spread_skill;
    };
    CHECK(spread_skill(1) == doctest::Approx(1).epsilon(0.02));
    CHECK(spread_skill(0.5) < 0.65);
    CHECK(spread_skill(2) > 1.25);
  }
}

TEST_CASE("CRPS over quantiles: interpolates between members and is relative to the observations") {
  CHECK(one_value({6}, 4).overall().crps_quantile == doctest::Approx(2.0 / 4));
  std::vector<float> even(21);
  for (size_t i = 0; i < even.size(); ++i) even[i] = static_cast<float>(i);
  double expected = 0;
  for (int level = 1; level <= 19; ++level) {  // quantiles 1, 2, .. 19
    const double q = level / 20.0;
    expected += 2 * std::abs((level - 7.5) * ((7.5 <= level ? 1 : 0) - q)) / 19;
  }
  CHECK(one_value(even, 7.5f).overall().crps_quantile == doctest::Approx(expected / 7.5));
  CHECK(one_value({0, 2}, 1).overall().crps_quantile > 0);
}

TEST_CASE("Rank histogram: places the observation among the members") {
  CHECK(one_value({1, 2, 3}, 0).overall().ranks == std::vector<int64_t>{1, 0, 0, 0});
  CHECK(one_value({3, 1, 2}, 2.5f).overall().ranks == std::vector<int64_t>{0, 0, 1, 0});
  CHECK(one_value({1, 2, 3}, 9).overall().ranks == std::vector<int64_t>{0, 0, 0, 1});
}

TEST_CASE("Rank histogram: flat for calibrated ensembles, ties shared out evenly") {
  const ScoreShape shape{.members = 9, .lead_times = 2, .variables = 1, .places = 50'000};
  const auto chi_square = [](const std::vector<int64_t>& ranks) {
    double sum = 0;
    for (const int64_t count : ranks) {
      sum += std::pow(static_cast<double>(count) - 10'000, 2) / 10'000;
    }
    return sum;
  };
  constexpr double kLimit = 27.9;  // 9 degrees of freedom, 0.1 %
  CHECK(chi_square(drawn(shape, 1, 1, 2).overall({.pairs_max = 0}).ranks) < kLimit);
  CHECK(chi_square(drawn(shape, 0.8, 1, 2).overall({.pairs_max = 0}).ranks) > 100 * kLimit);
  const Case ties = drawn(shape, 0, 0, 2);  // all values are 0
  CHECK(chi_square(ties.overall({.pairs_max = 0}).ranks) < kLimit);
  CHECK(ties.overall({.seed = 1}).ranks != ties.overall({.seed = 2}).ranks);
  CHECK(ties.overall({.seed = 1}).ranks == ties.overall({.seed = 1}).ranks);
}

TEST_CASE("Missing observations: count nowhere, as if their place did not exist") {
  Case gaps = drawn({.members = 5, .lead_times = 3, .variables = 1, .places = 4}, 1, 1, 9);
  Case without{.shape = {.members = 5, .lead_times = 3, .variables = 1, .places = 3}};
  for (size_t i = 0; i < gaps.ensemble.size(); ++i) {
    if (i % 4 == 2) gaps.ensemble[i] = kMissing;
    if (i % 4 != 2) without.ensemble.push_back(gaps.ensemble[i]);
  }
  for (size_t i = 0; i < gaps.observed.size(); ++i) {
    if (i % 4 == 2) gaps.observed[i] = kMissing;
    if (i % 4 != 2) without.observed.push_back(gaps.observed[i]);
  }
  const Scores a = gaps.overall(), b = without.overall();
  CHECK(a.values == 9);
  CHECK(a.crps_fair == b.crps_fair);
  CHECK(a.crps == b.crps);
  CHECK(a.energy_fair == b.energy_fair);
  CHECK(a.energy == b.energy);
  CHECK(a.variogram == b.variogram);
  CHECK(a.rmse == b.rmse);
  CHECK(a.spread_skill == b.spread_skill);
  CHECK(a.crps_quantile == b.crps_quantile);
  CHECK(a.ranks == b.ranks);
}

TEST_CASE("Missing observations: a query without any is no number, not zero") {
  const Scores scores = one_value({1, 2}, kMissing).overall();
  CHECK(scores.queries == 1);
  CHECK(scores.values == 0);
  for (const double score : {scores.crps_fair, scores.energy_fair, scores.variogram, scores.rmse,
                             scores.spread_skill, scores.crps_quantile}) {
    CHECK(std::isnan(score));
  }
  CHECK(std::isnan(ScoreTable().overall().crps));
}

TEST_CASE("A member that is not finite where something was observed is named") {
  Case bad = drawn({.members = 3, .lead_times = 2, .variables = 2, .places = 4}, 1, 1, 1);
  bad.ensemble[1 * 16 + 1 * 8 + 1 * 4 + 3] = std::numeric_limits<float>::infinity();
  const auto row = score_query(0, bad.ensemble, bad.observed, bad.shape);
  REQUIRE_FALSE(row.ok());
  CHECK(row.status().code() == skipcast::Code::kBadInput);
  CHECK(row.status().message() ==
        "cannot score: member 1 is not finite at lead time 2, variable 1, place 3");
}

TEST_CASE("Score table: variables apart and together, lead times apart") {
  const Case two = drawn({.members = 6, .lead_times = 3, .variables = 2, .places = 5}, 1, 2, 4);
  Case first{.shape = {.members = 6, .lead_times = 3, .variables = 1, .places = 5}};
  const auto keep = [](const std::vector<float>& all, std::vector<float>& some) {
    for (size_t i = 0; i < all.size(); ++i) {
      if (i % 10 < 5) some.push_back(all[i]);
    }
  };
  keep(two.ensemble, first.ensemble);
  keep(two.observed, first.observed);
  ScoreTable table;
  table.add(two.score());
  CHECK(table.overall(0).crps_fair == doctest::Approx(first.overall().crps_fair));
  CHECK(table.overall(0).energy_fair == doctest::Approx(first.overall().energy_fair));
  CHECK(table.overall(0).variogram == doctest::Approx(first.overall().variogram));
  const double both = (table.overall(0).crps_fair + table.overall(1).crps_fair) / 2;
  CHECK(table.overall().crps_fair == doctest::Approx(both));
  const double energy = (table.overall(0).energy + table.overall(1).energy) / 2;
  CHECK(table.overall().energy == doctest::Approx(energy));
  double leads = 0;
  for (int64_t lead = 0; lead < 3; ++lead) leads += table.at_lead(lead, 1).crps / 3;
  CHECK(table.overall(1).crps == doctest::Approx(leads));
  CHECK(table.at_lead(2).values == 10);
}

TEST_CASE("Score table: the order in which queries were added changes no bit") {
  std::vector<ScoreRow> rows;
  for (int64_t query = 0; query < 50; ++query) {
    const ScoreShape shape{.members = 4, .lead_times = 3, .variables = 1, .places = 6};
    rows.push_back(drawn(shape, 1, 1, static_cast<uint64_t>(query)).score({}, 3600 * query));
  }
  ScoreTable forward, shuffled;
  for (const ScoreRow& row : rows) forward.add(row);
  std::shuffle(rows.begin(), rows.end(), std::mt19937_64(5));
  for (const ScoreRow& row : rows) shuffled.add(row);
  CHECK(forward.overall().crps_fair == shuffled.overall().crps_fair);
  CHECK(forward.overall().energy_fair == shuffled.overall().energy_fair);
  CHECK(forward.overall().variogram == shuffled.overall().variogram);
  CHECK(forward.at_lead(1).rmse == shuffled.at_lead(1).rmse);
  CHECK(shuffled.rows()[7].origin == 7 * 3600);
}

TEST_CASE("Contributions: their ratio of sums is the mean score") {
  ScoreTable table;
  for (int64_t query = 0; query < 20; ++query) {
    Case some = drawn({.members = 4, .lead_times = 3, .variables = 2, .places = 6}, 1, 1,
                      static_cast<uint64_t>(query));
    for (size_t i = 0; i < static_cast<size_t>(query); ++i) some.observed[i] = kMissing;
    table.add(some.score({}, query));
  }
  const Scores scores = table.overall();
  const std::pair<Metric, double> expected[] = {{Metric::kCrpsFair, scores.crps_fair},
                                                {Metric::kCrps, scores.crps},
                                                {Metric::kEnergyFair, scores.energy_fair},
                                                {Metric::kEnergy, scores.energy},
                                                {Metric::kSquaredError, scores.rmse * scores.rmse},
                                                {Metric::kAbsoluteError, scores.mae}};
  for (const auto& [metric, value] : expected) {
    double sum = 0, weight = 0;
    for (const Contribution& share : table.contributions(metric)) {
      sum += share.sum;
      weight += share.weight;
    }
    CHECK(sum / weight == doctest::Approx(value));
  }
}

TEST_CASE("Contributions: a query's variogram score counts once, as of a table of it alone") {
  ScoreTable table;
  double sum = 0;
  for (int64_t query = 0; query < 5; ++query) {
    Case some = drawn({.members = 4, .lead_times = 3, .variables = 1, .places = 6}, 1, 1,
                      static_cast<uint64_t>(query));
    if (query == 2) std::fill(some.observed.begin(), some.observed.end(), kMissing);
    ScoreTable alone;
    alone.add(some.score({}, query));
    if (query != 2) sum += alone.overall().variogram;
    table.add(some.score({}, query));
  }
  const std::vector<Contribution> shares = table.contributions(Metric::kVariogram);
  double total = 0, weight = 0;
  for (const Contribution& share : shares) {
    total += share.sum;
    weight += share.weight;
  }
  CHECK(weight == 4);
  CHECK(total == doctest::Approx(sum));
  CHECK(shares[2].weight == 0);
}

TEST_CASE("Scores: a place of weight 2 counts like two places, one of weight 0 not at all") {
  const ScoreShape shape = {.members = 5, .lead_times = 2, .variables = 1, .places = 3};
  const Case three = drawn(shape, 1, 1.3, 4);
  const Scores weighted = three.overall({.weights = {2, 1, 0}});
  // The same values with the first place twice and the last left out.
  Case twice = three;
  for (auto* values : {&twice.ensemble, &twice.observed}) {
    for (size_t i = 0; i < values->size(); i += 3) (*values)[i + 2] = (*values)[i];
  }
  const Scores plain = twice.overall();
  CHECK(weighted.crps_fair == doctest::Approx(plain.crps_fair));
  CHECK(weighted.energy_fair == doctest::Approx(plain.energy_fair));
  CHECK(weighted.rmse == doctest::Approx(plain.rmse));
  CHECK(weighted.spread_skill == doctest::Approx(plain.spread_skill));
  CHECK(weighted.values == 6);
}
