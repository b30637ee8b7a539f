// labels: unit
// What tuning minimises, from the scores of a few queries.
#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "engine/tuning/tuner.h"

namespace skipcast::tests {
namespace {

using engine::Objective;
using engine::ScoreTable;

ScoreTable six_queries() {
  constexpr engine::ScoreShape kShape = {
      .members = 4, .lead_times = 3, .variables = 2, .places = 5};
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  ScoreTable table;
  for (int64_t query = 0; query < 6; ++query) {
    std::vector<float> ensemble(4 * 30), observed(30);
    for (float& value : ensemble) value = normal(random);
    for (float& value : observed) value = normal(random);
    table.add(engine::score_query(query, ensemble, observed, kShape).value());
  }
  return table;
}

double mean_of(const std::vector<engine::Contribution>& shares) {
  double sum = 0, weight = 0;
  for (const engine::Contribution& share : shares) {
    sum += share.sum;
    weight += share.weight;
  }
  return sum / weight;
}

TEST_CASE("Objective: each is the mean score, the mix is half of CRPS and half of energy") {
  const ScoreTable table = six_queries();
  const engine::Scores scores = table.overall();
  const auto mean = [&table](Objective objective) {
    return mean_of(engine::contributions_of(table, objective));
  };
  CHECK(mean(Objective::kCrps) == doctest::Approx(scores.crps_fair));
  CHECK(mean(Objective::kEnergy) == doctest::Approx(scores.energy_fair));
  CHECK(mean(Objective::kVariogram) == doctest::Approx(scores.variogram));
  CHECK(mean(Objective::kMix) == doctest::Approx((scores.crps_fair + scores.energy_fair) / 2));
}

TEST_CASE("Objective: its words are read back, others are refused with those there are") {
  for (const Objective each :
       {Objective::kCrps, Objective::kEnergy, Objective::kVariogram, Objective::kMix}) {
    CHECK(engine::objective_from(engine::word(each)).value() == each);
  }
  const Status refused = engine::objective_from("skill").status();
  CHECK(refused.code() == Code::kUsage);
  CHECK(refused.message().find("variogram") != std::string::npos);
}

}  // namespace
}  // namespace skipcast::tests
