// Theory of warm starts for a Gaussian conditional law y | c ~ N(mean, s^2): what each kind of
// start does to bias and spread, run through the real solver (METHODS section 2).
#include <cmath>
#include <numeric>
#include <vector>

#include "samplers/noise.h"
#include "samplers/schedule.h"
#include "samplers/solvers/solvers.h"
#include "samplers/starts.h"
#include "tests/support/torch_doctest.h"

using namespace skipcast::samplers;

namespace {

constexpr double kMean = 0.5, kBias = 1.0;
constexpr int64_t kMembers = 10'000;

Denoiser ideal(double s) {
  return [s](const at::Tensor& x, double sigma) {
    return (x * (s * s) + kMean * sigma * sigma) / (s * s + sigma * sigma);
  };
}

at::Tensor normal(int64_t step, int64_t count) {
  std::vector<int64_t> member = {0};
  return gaussian(1, 2, member, step, {count})[0].to(at::kDouble);
}

struct Outcome {
  double bias, spread;
};

Outcome finish(const at::Tensor& clean, double sigma, double s) {
  const at::Tensor x = enter_at(clean, normal(1, kMembers), sigma);
  const at::Tensor y = heun(ideal(s), x, karras(40, {.sigma_max = sigma}));
  return {y.mean().item<double>() - kMean, y.std().item<double>()};
}

}  // namespace

TEST_CASE("Warm starts: bias and spread of one analog a member, a shared one and a mean of four") {
  constexpr int64_t kAveraged = 4;
  const double levels[] = {8.40, 3.26, 1.92, 1.09, 0.585, 0.296, 0.14};
  const double error = 5 / std::sqrt(double{kMembers});  // 5 standard errors, in units of s
  for (const double s : {1.0, 0.5, 0.3, 0.1}) {
    const at::Tensor own = kMean + kBias + normal(2, kMembers) * s;
    const at::Tensor mean_of_four =
        kMean + kBias + normal(3, kMembers * kAveraged).view({kAveraged, kMembers}).mean(0) * s;
    const at::Tensor shared = at::full({kMembers}, kMean + kBias, at::kDouble);
    for (const double sigma : levels) {
      CAPTURE(s);
      CAPTURE(sigma);
      const double root = std::sqrt(s * s + sigma * sigma), bias = kBias * s / root;
      const double tolerance = error * s + 0.008 * bias;  // the solver's own error
      const Outcome a = finish(own, sigma, s);
      CHECK(std::abs(a.bias - bias) < tolerance);
      CHECK(std::abs(a.spread / s - 1) < error);
      const Outcome b = finish(shared, sigma, s);
      CHECK(std::abs(b.bias - bias) < tolerance);
      CHECK(std::abs(b.spread / s - sigma / root) < error);
      // A mean of H analogs a member keeps a variance of s^2 / H around it.
      const Outcome c = finish(mean_of_four, sigma, s);
      CHECK(std::abs(c.bias - bias) < tolerance);
      const double kept = std::sqrt(sigma * sigma + s * s / kAveraged) / root;
      CHECK(std::abs(c.spread / s - kept) < error);
    }
  }
}

TEST_CASE("Warm starts: bias factors and shared-analog spreads are those of the published table") {
  const double levels[] = {8.40, 3.26, 1.92, 1.09, 0.585, 0.296, 0.14};
  struct Row {
    double s;
    double bias[7], spread[7];
  };
  const Row rows[] = {
      {1.0, {.12, .29, .46, .68, .86, .96, .99}, {.99, .96, .89, .74, .51, .28, .14}},
      {0.5, {.06, .15, .25, .42, .65, .86, .96}, {1.0, .99, .97, .91, .76, .51, .27}},
      {0.3, {.04, .09, .15, .26, .46, .71, .91}, {1.0, 1.0, .99, .96, .89, .70, .42}},
      {0.1, {.01, .03, .05, .09, .17, .32, .58}, {1.0, 1.0, 1.0, 1.0, .99, .95, .81}}};
  for (const Row& row : rows) {
    for (size_t i = 0; i < 7; ++i) {
      CAPTURE(row.s);
      CAPTURE(levels[i]);
      // Two points tell an affine map: where the mean goes and how the spread scales.
      const at::Tensor x = at::tensor({kMean, kMean + 1}, at::kDouble);
      const auto sigmas = karras(200, {.sigma_max = levels[i]});
      const at::Tensor y = heun(ideal(row.s), x, sigmas);
      CHECK(y[0].item<double>() == doctest::Approx(kMean));
      const double factor = (y[1] - y[0]).item<double>();
      CHECK(std::abs(factor - row.bias[i]) < 0.0065);
      CHECK(std::abs(factor * levels[i] / row.s - row.spread[i]) < 0.0065);
    }
  }
}

TEST_CASE("Warm starts: Heun with 18 levels retains the bias and widens cold starts as measured") {
  const auto full = karras(18, {});
  const at::Tensor x = at::tensor({kMean, kMean + 1}, at::kDouble);
  const auto factor = [&](size_t skipped) {
    const std::span<const double> tail = std::span(full).subspan(skipped);
    const at::Tensor y = heun(ideal(1.0), x, tail);
    return (y[1] - y[0]).item<double>();
  };
  CHECK(factor(9) == doctest::Approx(0.475).epsilon(0.01));        // entered at 1.92
  CHECK(factor(0) * 80 == doctest::Approx(1.043).epsilon(0.005));  // cold
}
