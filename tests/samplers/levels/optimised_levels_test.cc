// Sigma lists found for a denoiser: the bound by its own definition, gradients by differences, and
// the end of the chain by the exact flow.
#include "samplers/levels/optimised_levels.h"

#include <cmath>
#include <vector>

#include "samplers/schedule.h"
#include "samplers/solvers/solvers.h"
#include "tests/support/known_laws.h"
#include "tests/support/torch_doctest.h"

using namespace skipcast::samplers;
using namespace skipcast::tests;

namespace {

constexpr double kEntry = 10, kSigmaMin = 0.05;

double posterior_error(double sigma) { return sigma / std::sqrt(1 + sigma * sigma); }

// The bound on dpmpp_2m's state at `end`: a denoiser that answers one unit vector after the other
// turns the state into the evaluations' weights.
double bound_of(const std::vector<double>& levels, double end, const ErrorCurve& error) {
  const auto steps = static_cast<int64_t>(levels.size());
  int64_t asked = 0;
  const Denoiser counting = [&](const at::Tensor& x, double) {
    at::Tensor unit = at::zeros_like(x);
    unit[asked++] = 1;
    return unit;
  };
  std::vector<double> all = levels;
  all.push_back(end);
  const at::Tensor weights = dpmpp_2m(counting, at::zeros({steps}, at::kDouble), all);
  double sum = 0;
  for (int64_t i = 0; i < steps; ++i) {
    sum += std::abs(weights[i].item<double>()) * error(levels[static_cast<size_t>(i)]);
  }
  return sum;
}

std::vector<double> without_zero(std::vector<double> levels) {
  levels.pop_back();
  return levels;
}

// What 256 cold members of the mixture end as from kEntry, and the exact flow's end.
TeacherPair mixture_pair() {
  const at::Tensor x = at::linspace(-2, 2, 256, at::kDouble).view({256, 1}) * kEntry;
  return {[](const at::Tensor& at_x, const at::Tensor& sigma) { return Mixture()(at_x, sigma); }, x,
          mixture_flow(x, kEntry, 1e-3)};
}

double distance(const std::vector<double>& levels, const TeacherPair& pair) {
  std::vector<double> all = levels;
  all.push_back(0);
  return (dpmpp_2m(Mixture(), pair.entry, all) - pair.end).square().mean().item<double>();
}

}  // namespace

TEST_CASE("Analytic levels: descend from the entry, and no other list has a lower bound") {
  for (const int64_t steps : {2, 3, 4, 6, 10}) {
    const auto levels = analytic_levels(steps, kEntry, kSigmaMin, posterior_error);
    REQUIRE(levels.size() == static_cast<size_t>(steps));
    CHECK(levels.front() == kEntry);
    for (size_t i = 1; i < levels.size(); ++i) CHECK(levels[i] < levels[i - 1]);
    CHECK(levels.back() > kSigmaMin);
    const double bound = bound_of(levels, kSigmaMin, posterior_error);
    for (const Spacing spacing : {Spacing::kKarras, Spacing::kLog, Spacing::kCosine}) {
      ScheduleOptions options = {.sigma_min = kSigmaMin, .sigma_max = kEntry, .spacing = spacing};
      auto other = skipcast::samplers::levels(steps + 1, options);  // sigma_min is the end here
      other.resize(static_cast<size_t>(steps));
      CHECK(bound < bound_of(other, kSigmaMin, posterior_error) + 1e-12);
    }
    for (size_t i = 1; i < levels.size(); ++i) {
      for (const double by : {0.9, 1.1}) {
        auto moved = levels;
        moved[i] *= by;
        const bool descends =
            moved[i] < moved[i - 1] && (i + 1 == moved.size() || moved[i] > moved[i + 1]);
        if (!descends || moved[i] <= kSigmaMin) continue;
        CHECK(bound <= bound_of(moved, kSigmaMin, posterior_error) + 1e-9);
      }
    }
  }
}

TEST_CASE("Analytic levels: one step is the entry; nonsense is refused") {
  CHECK((analytic_levels(1, kEntry, kSigmaMin, posterior_error) == std::vector<double>{kEntry}));
  CHECK_THROWS(analytic_levels(0, kEntry, kSigmaMin, posterior_error));
  CHECK_THROWS(analytic_levels(3, kSigmaMin, kEntry, posterior_error));
}

TEST_CASE("The solver for autograd: dpmpp_2m's values, and gradients as differences say") {
  const TeacherPair pair = mixture_pair();
  const std::vector<double> levels = {10, 3, 1, 0.3};
  const at::Tensor logs = at::tensor(levels, at::kDouble).log().requires_grad_(true);
  const at::Tensor end = dpmpp_2m_tensor(pair.denoise, pair.entry, logs);
  CHECK(end.allclose(dpmpp_2m(Mixture(), pair.entry, {{10, 3, 1, 0.3, 0}}), 1e-12, 1e-12));
  (end - pair.end).square().mean().backward();
  for (size_t i = 0; i < levels.size(); ++i) {
    const auto at = [&](double by) {
      auto moved = levels;
      moved[i] *= std::exp(by);
      return distance(moved, pair);
    };
    const double slope = (at(1e-5) - at(-1e-5)) / 2e-5;
    CHECK(logs.grad()[static_cast<int64_t>(i)].item<double>() ==
          doctest::Approx(slope).epsilon(1e-4));
  }
}

TEST_CASE("Learned levels: end nearer the teacher than any spacing, from the same entry") {
  const TeacherPair pair = mixture_pair();
  const LearnOptions options = {.rounds = 120, .radius = 0};
  for (const int64_t steps : {4, 6}) {
    ScheduleOptions schedule = {.sigma_min = kSigmaMin, .sigma_max = kEntry};
    double best = 1e9;
    for (const Spacing spacing : {Spacing::kKarras, Spacing::kLog, Spacing::kCosine}) {
      schedule.spacing = spacing;
      best = std::min(best, distance(without_zero(levels(steps, schedule)), pair));
    }
    schedule.spacing = Spacing::kKarras;
    const auto initial = without_zero(levels(steps, schedule));
    const auto found = learned_levels(initial, kSigmaMin, {&pair, 1}, options);
    REQUIRE(found.size() == initial.size());
    CHECK(found.front() == doctest::Approx(kEntry).epsilon(1e-12));
    CHECK(found.back() > kSigmaMin);
    for (size_t i = 1; i < found.size(); ++i) CHECK(found[i] < found[i - 1]);
    CHECK(distance(found, pair) < 0.7 * best);
    CHECK(found == learned_levels(initial, kSigmaMin, {&pair, 1}, options));
  }
}

TEST_CASE("Learned levels: three of them are as good as the best of a grid") {
  const TeacherPair pair = mixture_pair();
  double best = 1e9;
  for (double middle = 9; middle > 0.1; middle *= 0.9) {
    for (double last = 0.95 * middle; last > kSigmaMin; last *= 0.8) {
      best = std::min(best, distance({kEntry, middle, last}, pair));
    }
  }
  const LearnOptions options = {.rounds = 120, .radius = 0};
  for (const auto& initial : {std::vector<double>{10, 3, 0.5}, std::vector<double>{10, 1, 0.06}}) {
    CHECK(distance(learned_levels(initial, kSigmaMin, {&pair, 1}, options), pair) < 1.05 * best);
  }
}

TEST_CASE("Learned levels: a soft teacher and no rounds never make the levels worse") {
  const TeacherPair pair = mixture_pair();
  const std::vector<double> initial = {10, 2, 0.1};
  CHECK(learned_levels(initial, kSigmaMin, {&pair, 1}, {.rounds = 0}) == initial);
  const auto soft = learned_levels(initial, kSigmaMin, {&pair, 1}, {.radius = 0.3});
  CHECK(distance(soft, pair) <= distance(initial, pair));
  CHECK(learned_levels({10}, kSigmaMin, {&pair, 1}) == std::vector<double>{10});
  CHECK_THROWS(learned_levels({1, 2}, kSigmaMin, {&pair, 1}));
  CHECK_THROWS(learned_levels(initial, kSigmaMin, {}));
}
