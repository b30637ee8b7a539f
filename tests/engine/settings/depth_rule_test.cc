// labels: unit
#include "engine/settings/depth_rule.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/settings/policy.h"
#include "engine/tuning/depth_fit.h"
#include "tests/support/gaussian_city.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::DepthFamily;
using engine::DepthRule;
using engine::Setting;
using engine::StartKind;
using engine::Trial;

const samplers::ScheduleOptions kRange = {.sigma_min = 0.02, .sigma_max = 80};
const DepthRule kRule = {.center = 2,
                         .width = std::log(2.0),
                         .shift = 0,
                         .slope = std::log(2.0),
                         .sigma_min = 0.02,
                         .sigma_max = 80};

Setting at(double sigma) {
  Setting options = {.start = {.kind = StartKind::kAnalog}, .steps = 3};
  options.depth.entry_sigma = sigma;
  return options;
}

Setting listed(std::vector<double> sigmas) {
  Setting options = {.start = {.kind = StartKind::kAnalog},
                     .steps = static_cast<int64_t>(sigmas.size())};
  options.depth.sigmas = std::move(sigmas);
  return options;
}

TEST_CASE("Depth: an entry is multiplied, and stays inside the task's range") {
  CHECK(*engine::deepened(at(3), 2, kRange).depth.entry_sigma == doctest::Approx(6));
  CHECK(*engine::deepened(at(70), 2, kRange).depth.entry_sigma == 80);
  CHECK(*engine::deepened(at(0.03), 0.1, kRange).depth.entry_sigma == 0.02);
}

TEST_CASE("Depth: a list is stretched in log sigma; order and range are kept") {
  const auto sigmas = engine::deepened(listed({4, 0.4, 0.02}), 2, kRange).depth.sigmas;
  CHECK(sigmas[0] == doctest::Approx(8));
  CHECK(sigmas[1] == doctest::Approx(0.02 * std::pow(20, std::log(400.0) / std::log(200.0))));
  CHECK(sigmas[2] == doctest::Approx(0.02));
  for (const double factor : {1e-6, 0.5, 1.0, 30.0, 1e6}) {
    const auto moved = engine::deepened(listed({4, 0.4, 0.02}), factor, kRange).depth.sigmas;
    for (size_t i = 0; i < 3; ++i) {
      CHECK(moved[i] >= 0.02);
      CHECK(moved[i] <= 80);
      if (i > 0) CHECK(moved[i] < moved[i - 1]);
    }
  }
}

TEST_CASE("Depth: cold starts, starts without a chain and skipped lists are left alone") {
  Setting cold = at(3), none = at(3), skipped = at(3);
  cold.start.kind = StartKind::kCold;
  none.steps = 0;
  skipped.depth = {.skip_steps = 2};
  for (const Setting& options : {cold, none, skipped}) {
    CHECK_FALSE(engine::can_deepen(options));
    CHECK(describe(kRule.apply(options, 100)) == describe(options));
  }
}

TEST_CASE("Depth rule: factors rise with the measure between bounds; off, they are 1") {
  CHECK(kRule.factor(2) == doctest::Approx(1));
  CHECK(kRule.factor(4) == doctest::Approx(2));
  CHECK(kRule.factor(1) == doctest::Approx(0.5));
  CHECK(kRule.factor(1e9) == doctest::Approx(2));
  CHECK(kRule.factor(0) == doctest::Approx(0.5));
  CHECK(*kRule.apply(at(3), 4).depth.entry_sigma == doctest::Approx(6));
  CHECK(DepthRule().factor(123) == 1);
  CHECK(*DepthRule().apply(at(3), 4).depth.entry_sigma == 3);
}

TEST_CASE("Depth rule: JSON keeps every bit in a policy; nonsense is refused") {
  engine::Policy policy = {.name = "p", .task = "ar"};
  policy.bins = {{5, at(3)}, {std::numeric_limits<double>::infinity(), at(9)}};
  CHECK(to_json(policy).find("depth\"") == std::string::npos);
  CHECK(to_json(policy).find("measure") == std::string::npos);
  policy.depth = kRule;
  policy.depth.shift = 0.1 + 0.2;
  policy.measure = engine::Measure::kDisagreement;
  const auto back = engine::policy_from_json(to_json(policy));
  REQUIRE_MESSAGE(back.ok(), back.status().message());
  CHECK(to_json(*back) == to_json(policy));
  CHECK(back->measure == engine::Measure::kDisagreement);
  CHECK(*choose(*back, 4, {}).depth.entry_sigma == doctest::Approx(6 * std::exp(0.1 + 0.2)));
  CHECK(*choose(*back, 6, {}).depth.entry_sigma == doctest::Approx(18 * std::exp(0.1 + 0.2)));

  for (const auto& [key, value] : std::map<std::string, double>{
           {"center", 0}, {"width", -1}, {"shift", 9}, {"sigma_min", 0}, {"sigma_max", 0.01}}) {
    nlohmann::json broken = rule_json(kRule);
    broken[key] = value;
    CHECK(engine::rule_from_json(broken).status().code() == Code::kBadInput);
  }
}

// A trial whose score of query i, of measure 1 + i % 12, is lowest where its depth suits it.
Trial suited(const Setting& options, double entry) {
  Trial trial = {.options = options};
  trial.nfe = 3;
  for (int64_t i = 0; i < 96; ++i) {
    const double wanted = 3 * std::sqrt((1 + static_cast<double>(i % 12)) / 6);
    const double apart = std::log(entry / wanted);
    trial.score_by_query.push_back({i, 1 + apart * apart, 1});
  }
  trial.crps_by_query = trial.score_by_query;
  return trial;
}

engine::Measured cycling() {
  engine::Measured measured;
  for (int64_t i = 0; i < 96; ++i) measured[i] = 1 + static_cast<double>(i % 12);
  return measured;
}

std::vector<Trial> family_of_trials() {
  std::vector<Trial> trials = {suited(at(3), 3)};
  for (const double factor : engine::kDepthFactors) {
    trials.push_back(suited(engine::deepened(at(3), factor, kRange), 3 * factor));
  }
  return trials;
}

TEST_CASE("Depth fit: finds that harder queries want to enter deeper, on both halves") {
  const std::vector<Trial> trials = family_of_trials();
  const DepthFamily family(trials, at(3), kRange);
  CHECK(family.size() == 5);
  const auto found = engine::fit_depth(family, cycling());
  REQUIRE(found);
  CHECK(found->rule.slope > 0.3);
  CHECK(found->rule.factor(12) > 1.2);
  CHECK(found->rule.factor(1) < 0.7);
  double single = 0;
  for (const auto& query : trials[0].score_by_query) single += query.sum / 96;
  CHECK(engine::mean_of(found->confirming) < single - 0.05);
}

TEST_CASE("Depth fit: too few depths, or a measure that does not vary, give no rule") {
  std::vector<Trial> trials = family_of_trials();
  engine::Measured constant = cycling();
  for (auto& [origin, value] : constant) value = 3;
  CHECK_FALSE(engine::fit_depth(DepthFamily(trials, at(3), kRange), constant));
  trials.resize(2);
  CHECK_FALSE(engine::fit_depth(DepthFamily(trials, at(3), kRange), cycling()));
  CHECK(DepthFamily(trials, at(5), kRange).at(1).empty());
}

TEST_CASE("Depth family: shares are linear in the factor's logarithm and end at the last depth") {
  const std::vector<Trial> trials = family_of_trials();
  const DepthFamily family(trials, at(3), kRange);
  const auto mix = family.at(std::sqrt(1.4));
  REQUIRE(mix.size() == 2);
  CHECK(mix[0].second == doctest::Approx(0.5));
  CHECK(mix[1].second == doctest::Approx(0.5));
  CHECK(*mix[0].first->options.depth.entry_sigma == 3);
  CHECK(*mix[1].first->options.depth.entry_sigma == doctest::Approx(4.2));
  CHECK(*family.at(99).front().first->options.depth.entry_sigma == doctest::Approx(6));
  CHECK(*family.at(0.01).front().first->options.depth.entry_sigma == doctest::Approx(1.5));
  CHECK(family.at(1).size() == 1);
}

TEST_CASE("Policy fit: takes the rule where the other half confirms it, and validates by it") {
  std::vector<Trial> trials = family_of_trials();
  Trial cold = suited(at(3), 3);
  cold.options.start.kind = StartKind::kCold;
  for (auto* queries : {&cold.score_by_query, &cold.crps_by_query}) {
    for (auto& query : *queries) query.sum = 1.5;
  }
  trials.push_back(cold);
  const auto fit = engine::fit_policy(trials, cycling(), {16, kRange});
  REQUIRE(fit.depth.on());
  REQUIRE(fit.bins.size() == 2);
  CHECK(fit.bins[0].distance_max == 12);
  CHECK(fit.bins[1].options.start.kind == StartKind::kCold);
  engine::Policy policy = {.depth = fit.depth, .bins = fit.bins};
  engine::validate(trials, cycling(), policy);
  engine::Policy flat = {.bins = fit.bins};
  engine::validate(trials, cycling(), flat);
  CHECK(policy.validation_crps < flat.validation_crps - 0.05);
  CHECK(policy.mean_nfe == doctest::Approx(3));
}

}  // namespace
}  // namespace skipcast::tests
