// labels: unit
#include "engine/evaluation/candidates.h"

#include <set>
#include <string>

#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::Candidate;
using engine::ForecastOptions;
using engine::KeyKind;
using engine::StartKind;
using Kind = Candidate::Kind;

TEST_CASE("Candidates: the reference is a cold start of 35 evaluations by Heun") {
  const Candidate reference = engine::cold_reference();
  CHECK(reference.options.start.kind == StartKind::kCold);
  CHECK(reference.options.solver == "heun");
  CHECK(2 * reference.options.steps - 1 == 35);
}

TEST_CASE("Candidates: a chain's name tells apart what is compared") {
  ForecastOptions options = {{.steps = 3}};
  options.start.key = KeyKind::kForecast;
  options.start.alignment = engine::Alignment::kResidual;
  options.depth.entry_sigma = 3;
  CHECK(engine::candidate_of(Kind::kChain, options).name == "analog/forecast/residual s3 x3");
  options.guidance = 0.1;
  options.inflation = {0.9, 1.2};
  CHECK(engine::candidate_of(Kind::kChain, options).name ==
        "analog/forecast/residual s3 x3 guided 0.1 inflated 0.9/1.2");
  options = {{.steps = 0}};
  options.start.key = KeyKind::kMixed;
  options.start.key_mix = 0.25;
  CHECK(engine::candidate_of(Kind::kChain, options).name == "analog/mixed 0.25/offset, no chain");
  CHECK(engine::cold_start(4).name == "cold x4");
}

TEST_CASE("Candidates: a blind control differs in its start alone") {
  ForecastOptions options = {{.steps = 5}};
  options.depth.entry_sigma = 7;
  const Candidate control = engine::blind_control(options);
  CHECK(control.options.start.kind == StartKind::kRandom);
  CHECK(control.options.steps == 5);
  CHECK(control.options.depth.entry_sigma == 7);
}

TEST_CASE("Candidates: baselines have names of their own, analogs one by each key") {
  const auto all =
      engine::baselines_of({{}, {.members = 7}}, {KeyKind::kContext, KeyKind::kForecast});
  REQUIRE(all.size() == 7);
  std::set<std::string> names;
  for (const Candidate& each : all) {
    names.insert(each.name);
    CHECK(each.kind != Kind::kChain);
    CHECK(each.options.members == 7);
  }
  CHECK(names.size() == 7);
  CHECK(all.back().name == "analogs aligned, forecast");
  CHECK(all.back().options.start.key == KeyKind::kForecast);
}

TEST_CASE("Candidates: a policy carries the request") {
  engine::Policy policy;
  policy.name = "p";
  const Candidate candidate = engine::policy_candidate(policy, {{}, {.members = 5, .seed = 9}});
  CHECK(candidate.name == "policy p");
  CHECK(candidate.kind == Kind::kPolicy);
  CHECK(candidate.policy.name == "p");
  CHECK(candidate.options.members == 5);
  CHECK(candidate.options.seed == 9);
}

}  // namespace
}  // namespace skipcast::tests
