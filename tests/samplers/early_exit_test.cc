// Members that settle early: what they end with, what they cost, and that none sees another.
#include "samplers/early_exit.h"

#include <functional>
#include <limits>
#include <vector>

#include "samplers/schedule.h"
#include "samplers/solvers/solvers.h"
#include "tests/support/known_laws.h"
#include "tests/support/torch_doctest.h"

using namespace skipcast::samplers;
using namespace skipcast::tests;

namespace {

at::Tensor states() { return at::linspace(-12, 12, 24, at::kDouble).view({8, 3}); }

struct Solved {
  at::Tensor x;
  int64_t evaluations;
};

Solved solve(const at::Tensor& x, double tolerance) {
  EarlyExit exit(Mixture(), tolerance);
  const auto sigmas = karras(8, {.sigma_min = 0.02, .sigma_max = 10});
  at::Tensor solved = dpmpp_2m(std::ref(exit), x, sigmas);
  return {std::move(solved), exit.evaluations()};
}

}  // namespace

TEST_CASE("Early exit: without a tolerance it is the denoiser itself") {
  const auto sigmas = karras(8, {.sigma_min = 0.02, .sigma_max = 10});
  const Solved whole = solve(states(), 0);
  CHECK(at::equal(whole.x, dpmpp_2m(Mixture(), states(), sigmas)));
  CHECK(whole.evaluations == 64);
}

TEST_CASE("Early exit: any tolerance at all ends after two evaluations, with the second estimate") {
  const Solved solved = solve(states(), std::numeric_limits<double>::infinity());
  CHECK(solved.evaluations == 16);
  const auto sigmas = karras(8, {.sigma_min = 0.02, .sigma_max = 10});
  const std::vector<double> first = {sigmas[0], sigmas[1]};
  const at::Tensor ahead = dpmpp_2m(Mixture(), states(), first);
  CHECK(at::equal(solved.x, Mixture()(ahead, sigmas[1])));
}

TEST_CASE("Early exit: a looser tolerance costs less and errs more") {
  const at::Tensor exact = solve(states(), 0).x;
  int64_t evaluations = 65;
  double error = -1;
  for (const double tolerance : {0.001, 0.03, 0.3}) {
    const Solved solved = solve(states(), tolerance);
    const double apart = (solved.x - exact).square().mean().sqrt().item<double>();
    CHECK(solved.evaluations < evaluations);
    CHECK(apart > error);
    CHECK(apart < 6 * tolerance);
    evaluations = solved.evaluations;
    error = apart;
  }
}

TEST_CASE("Early exit: members settle alone, whatever the batch") {
  const Solved together = solve(states(), 0.05);
  int64_t evaluations = 0;
  for (int64_t m = 0; m < 8; ++m) {
    const Solved alone = solve(states().narrow(0, m, 1), 0.05);
    CHECK(at::equal(alone.x[0], together.x[m]));
    evaluations += alone.evaluations;
  }
  CHECK(evaluations == together.evaluations);
  CHECK(evaluations > 16);
  CHECK(evaluations < 64);
}
