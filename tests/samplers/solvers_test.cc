// Solvers against laws whose denoiser and probability-flow ODE are known in closed form.
#include <cmath>
#include <vector>

#include "samplers/schedule.h"
#include "samplers/solvers.h"
#include "tests/support/torch_doctest.h"

using namespace skipcast::samplers;

namespace {

// Levels from `high` to `low`, evenly spaced in log sigma; no step to 0.
std::vector<double> log_levels(int64_t steps, double high, double low) {
  std::vector<double> sigmas;
  for (int64_t i = 0; i <= steps; ++i) {
    const double part = static_cast<double>(i) / static_cast<double>(steps);
    sigmas.push_back(high * std::pow(low / high, part));
  }
  return sigmas;
}

// E[y | x] for y ~ 0.3 N(-1, 0.3^2) + 0.7 N(0.8, 0.5^2).
at::Tensor mixture_mean(const at::Tensor& x, double sigma) {
  const double weights[] = {0.3, 0.7}, means[] = {-1, 0.8}, deviations[] = {0.3, 0.5};
  at::Tensor total = at::zeros_like(x), sum = at::zeros_like(x);
  for (int k = 0; k < 2; ++k) {
    const double s2 = deviations[k] * deviations[k], variance = s2 + sigma * sigma;
    const at::Tensor likelihood = (-(x - means[k]).square() / (2 * variance)).exp() *
                                  (weights[k] / std::sqrt(variance));
    total = total + likelihood * (x * s2 + means[k] * sigma * sigma) / variance;
    sum = sum + likelihood;
  }
  return total / sum;
}

// The ODE in log sigma, dx / dlog sigma = x - D, by classical Runge-Kutta with many steps.
at::Tensor reference(at::Tensor x, double high, double low) {
  constexpr int kSteps = 2000;
  const double h = std::log(low / high) / kSteps;
  const auto slope = [](const at::Tensor& at_x, double t) {
    return at_x - mixture_mean(at_x, std::exp(t));
  };
  for (int i = 0; i < kSteps; ++i) {
    const double t = std::log(high) + i * h;
    const at::Tensor k1 = slope(x, t), k2 = slope(x + k1 * (h / 2), t + h / 2);
    const at::Tensor k3 = slope(x + k2 * (h / 2), t + h / 2), k4 = slope(x + k3 * h, t + h);
    x = x + (k1 + (k2 + k3) * 2 + k4) * (h / 6);
  }
  return x;
}

Denoiser gaussian_denoiser(double mean, double s) {
  return [mean, s](const at::Tensor& x, double sigma) {
    return (x * (s * s) + mean * sigma * sigma) / (s * s + sigma * sigma);
  };
}

// Even steps in log sigma but for two of h^2 at each end, where multistep methods are of low order:
// so short that their error does not count.
std::vector<double> graded_levels(int64_t steps, double high, double low) {
  const double h = std::log(low / high) / static_cast<double>(steps);
  const double edge = std::exp(-2 * h * h);
  std::vector<double> sigmas = log_levels(steps, high * edge, low / edge);
  sigmas.insert(sigmas.begin(), {high, high * std::sqrt(edge)});
  sigmas.insert(sigmas.end(), {low / std::sqrt(edge), low});
  return sigmas;
}

using Levels = std::vector<double> (*)(int64_t, double, double);

double order(Solver solve, int64_t steps, Levels levels = log_levels) {
  constexpr double kHigh = 10, kLow = 0.1;
  const at::Tensor x = at::linspace(-20, 20, 41, at::kDouble);
  const at::Tensor exact = reference(x, kHigh, kLow);
  const auto error = [&](int64_t count) {
    const auto sigmas = levels(count, kHigh, kLow);
    return (solve(mixture_mean, x, sigmas) - exact).square().mean().sqrt().item<double>();
  };
  return std::log2(error(steps) / error(2 * steps));
}

}  // namespace

TEST_CASE("Convergence on a Gaussian mixture: Euler 1, Heun 2, DPM-Solver++(2M) 2") {
  CHECK(order(euler, 256) == doctest::Approx(1).epsilon(0.1));
  CHECK(std::abs(order(heun, 256) - 2) < 0.2);
  CHECK(std::abs(order(dpmpp_2m, 256) - 2) < 0.2);
}

TEST_CASE("Convergence: DPM-Solver++(2S) 2, (3M) 3; UniPC's corrector adds one to its order") {
  CHECK(std::abs(order(dpmpp_2s, 256) - 2) < 0.2);
  CHECK(std::abs(order(dpmpp_3m, 128, graded_levels) - 3) < 0.2);
  CHECK(std::abs(order(unipc_2, 128, graded_levels) - 3) < 0.2);
  CHECK(std::abs(order(unipc_3, 128, graded_levels) - 4) < 0.3);
}

TEST_CASE("UniPC: both variants of B are of one order and differ; order 1 is below; no order 4") {
  const auto with = [](UnipcOptions options, const at::Tensor& x, int64_t steps) {
    return unipc(mixture_mean, x, log_levels(steps, 10, 0.1), options);
  };
  const at::Tensor x = at::linspace(-20, 20, 41, at::kDouble);
  const at::Tensor exact = reference(x, 10, 0.1);
  const auto error = [&](UnipcOptions options) {
    return (with(options, x, 24) - exact).square().mean().sqrt().item<double>();
  };
  const double one = error({.order = 1}), two = error({.order = 2});
  const double h_two = error({.order = 2, .variant = UnipcVariant::kBh1});
  CHECK(two < one);
  CHECK(h_two < one);
  CHECK(two != h_two);
  CHECK_THROWS(with({.order = 4}, x, 24));
  CHECK_THROWS(with({.order = 0}, x, 24));
}

TEST_CASE("A point mass is solved exactly in any number of steps") {
  const Denoiser denoise = [](const at::Tensor& x, double) { return at::full_like(x, 0.7); };
  const at::Tensor x = at::linspace(-3, 3, 7, at::kDouble);
  for (const NamedSolver& solver : solvers()) {
    CAPTURE(solver.name);
    for (const int64_t steps : {1, 3, 10}) {
      const auto sigmas = log_levels(steps, 20, 0.5);
      const at::Tensor expected = 0.7 + (x - 0.7) * (0.5 / 20);
      CHECK(at::allclose(solver.solve(denoise, x, sigmas), expected, 0, 1e-13));
    }
  }
}

TEST_CASE("Gaussian law: the solution follows the exact flow from any entry to any level") {
  constexpr double kMean = 1.5, kS = 0.4;
  const at::Tensor x = at::linspace(-30, 30, 13, at::kDouble);
  for (const double high : {80.0, 3.0}) {
    for (const double low : {1.0, 0.05}) {
      const double factor = std::sqrt((kS * kS + low * low) / (kS * kS + high * high));
      const at::Tensor exact = kMean + (x - kMean) * factor;
      const auto sigmas = log_levels(800, high, low);
      const Denoiser denoise = gaussian_denoiser(kMean, kS);
      const double scale = (exact - kMean).abs().max().item<double>();
      for (const NamedSolver& solver : solvers()) {
        CAPTURE(solver.name);
        const double worst = (solver.solve(denoise, x, sigmas) - exact).abs().max().item<double>();
        CHECK(worst < (solver.name == "euler" ? 1e-2 : 2e-5) * scale);
      }
    }
  }
}

TEST_CASE("The step to 0 returns the last denoised state") {
  const at::Tensor x = at::linspace(-2, 2, 5);
  const std::vector<double> sigmas = {0.3, 0.0};
  for (const NamedSolver& solver : solvers()) {
    CHECK(at::equal(solver.solve(mixture_mean, x, sigmas), mixture_mean(x, 0.3)));
  }
}

TEST_CASE("Evaluations: the count is what the denoiser really sees") {
  for (const NamedSolver& solver : solvers()) {
    CAPTURE(solver.name);
    for (const int64_t steps : {0, 1, 2, 5, 18}) {
      int64_t calls = 0;
      const Denoiser count = [&calls](const at::Tensor& x, double sigma) {
        ++calls;
        return mixture_mean(x, sigma);
      };
      const auto to_zero = karras(steps, {});
      solver.solve(count, at::ones({3}), to_zero);
      CHECK(calls == evaluations(solver, to_zero));
      calls = 0;
      const auto not_to_zero = log_levels(steps, 8, 1);
      if (steps > 0) solver.solve(count, at::ones({3}), not_to_zero);
      if (steps > 0) CHECK(calls == evaluations(solver, not_to_zero));
    }
  }
  CHECK(evaluations(*find_solver("heun"), karras(18, {})) == 35);
  CHECK(evaluations(*find_solver("dpmpp_2m"), karras(10, {})) == 10);
}

TEST_CASE("Solvers: found by name, unknown names are nobody") {
  for (const NamedSolver& solver : solvers()) {
    CHECK((find_solver(solver.name)->solve == solver.solve));
  }
  CHECK_FALSE(find_solver("Heun"));
  CHECK_FALSE(find_solver(""));
}

TEST_CASE("Solvers: no state survives a call, so entering mid-chain is a fresh start") {
  const auto full = karras(8, {});
  const at::Tensor x = at::linspace(-2, 2, 9, at::kDouble) * 3;
  const std::vector<double> tail(full.begin() + 4, full.end());
  const at::Tensor first = dpmpp_2m(mixture_mean, x, tail);
  dpmpp_2m(mixture_mean, x * 5, full);
  CHECK(at::equal(dpmpp_2m(mixture_mean, x, tail), first));
  // The first executed step is first order: one step equals Euler's.
  const std::vector<double> one = {tail[0], tail[1]};
  CHECK(at::allclose(dpmpp_2m(mixture_mean, x, one), euler(mixture_mean, x, one), 1e-14, 1e-14));
}

TEST_CASE("Solvers: an empty list changes nothing, a wrong one is refused") {
  const at::Tensor x = at::linspace(0, 1, 4);
  for (const NamedSolver& solver : solvers()) {
    CHECK(at::equal(solver.solve(mixture_mean, x, {}), x));
    for (const std::vector<double>& wrong :
         {std::vector<double>{1, 2, 0}, {2, 2, 0}, {2, 0, 0}, {1, -1}, {0, 0}, {2, std::nan("")}}) {
      CHECK_THROWS(solver.solve(mixture_mean, x, wrong));
    }
  }
}

TEST_CASE("Solvers: keep the precision of their input") {
  const auto sigmas = karras(6, {});
  for (const NamedSolver& solver : solvers()) {
    const at::Tensor x = at::linspace(-80, 80, 9);
    const at::Tensor single = solver.solve(mixture_mean, x, sigmas);
    const at::Tensor twice = solver.solve(mixture_mean, x.to(at::kDouble), sigmas);
    CHECK((single.scalar_type() == at::kFloat));
    CHECK((twice.scalar_type() == at::kDouble));
    CHECK(at::allclose(single.to(at::kDouble), twice, 0, 1e-4));
  }
}
