// Solvers against laws whose denoiser and probability-flow ODE are known in closed form.
#include "samplers/solvers/solvers.h"

#include <cmath>
#include <vector>

#include "samplers/schedule.h"
#include "tests/support/known_laws.h"
#include "tests/support/torch_doctest.h"

using namespace skipcast::samplers;
using namespace skipcast::tests;

namespace {

Denoiser gaussian_denoiser(double mean, double s) {
  return [mean, s](const at::Tensor& x, double sigma) {
    return (x * (s * s) + mean * sigma * sigma) / (s * s + sigma * sigma);
  };
}

using Levels = std::vector<double> (*)(int64_t, double, double);

// Every solver of the table solves the ODE when it draws no noise.
Noising silent() { return {.draw = {}, .amount = 0, .scale = {}}; }

bool is_first_order(const NamedSolver& solver) {
  return solver.name == "euler" || solver.name == "ddim" || solver.name == "gms";
}

double order(OdeSolver solve, int64_t steps, Levels levels = log_levels) {
  constexpr double kHigh = 10, kLow = 0.1;
  const at::Tensor x = at::linspace(-20, 20, 41, at::kDouble);
  const at::Tensor exact = mixture_flow(x, kHigh, kLow);
  const auto error = [&](int64_t count) {
    const auto sigmas = levels(count, kHigh, kLow);
    return (solve(Mixture(), x, sigmas) - exact).square().mean().sqrt().item<double>();
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
    return unipc(Mixture(), x, log_levels(steps, 10, 0.1), options);
  };
  const at::Tensor x = at::linspace(-20, 20, 41, at::kDouble);
  const at::Tensor exact = mixture_flow(x, 10, 0.1);
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
      CHECK(at::allclose(solver.solve(denoise, x, sigmas, silent()), expected, 0, 1e-13));
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
        const at::Tensor apart = solver.solve(denoise, x, sigmas, silent()) - exact;
        const double worst = apart.abs().max().item<double>();
        CHECK(worst < (is_first_order(solver) ? 1e-2 : 2e-5) * scale);
      }
    }
  }
}

TEST_CASE("The step to 0 returns the last denoised state") {
  const at::Tensor x = at::linspace(-2, 2, 5);
  const std::vector<double> sigmas = {0.3, 0.0};
  for (const NamedSolver& solver : solvers()) {
    CHECK(at::equal(solver.solve(Mixture(), x, sigmas, silent()), Mixture()(x, 0.3)));
  }
}

TEST_CASE("Evaluations: the count is what the denoiser really sees") {
  int64_t calls = 0;
  const Noising noising = {.draw = [](int64_t) { return at::ones({3}); },
                           .moments =
                               [&calls](const at::Tensor& x, double sigma) {
                                 ++calls;
                                 return Mixture().moments(x, sigma);
                               }};
  for (const NamedSolver& solver : solvers()) {
    CAPTURE(solver.name);
    for (const int64_t steps : {0, 1, 2, 5, 18}) {
      calls = 0;
      const Denoiser count = [&calls](const at::Tensor& x, double sigma) {
        ++calls;
        return Mixture()(x, sigma);
      };
      const auto to_zero = karras(steps, {});
      solver.solve(count, at::ones({3}), to_zero, noising);
      CHECK(calls == evaluations(solver, to_zero));
      calls = 0;
      const auto not_to_zero = log_levels(steps, 8, 1);
      if (steps > 0) solver.solve(count, at::ones({3}), not_to_zero, noising);
      if (steps > 0) CHECK(calls == evaluations(solver, not_to_zero));
    }
  }
  CHECK(evaluations(*find_solver("heun"), karras(18, {})) == 35);
  CHECK(evaluations(*find_solver("dpmpp_2m"), karras(10, {})) == 10);
  CHECK(evaluations(*find_solver("restart_heun"), karras(18, {}), {.amount = 3}) == 41);
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
  const at::Tensor first = dpmpp_2m(Mixture(), x, tail);
  dpmpp_2m(Mixture(), x * 5, full);
  CHECK(at::equal(dpmpp_2m(Mixture(), x, tail), first));
  // The first executed step is first order: one step equals Euler's.
  const std::vector<double> one = {tail[0], tail[1]};
  CHECK(at::allclose(dpmpp_2m(Mixture(), x, one), euler(Mixture(), x, one), 1e-14, 1e-14));
}

TEST_CASE("Solvers: an empty list changes nothing, a wrong one is refused") {
  const at::Tensor x = at::linspace(0, 1, 4);
  for (const NamedSolver& solver : solvers()) {
    CHECK(at::equal(solver.solve(Mixture(), x, {}, silent()), x));
    for (const std::vector<double>& wrong :
         {std::vector<double>{1, 2, 0}, {2, 2, 0}, {2, 0, 0}, {1, -1}, {0, 0}, {2, std::nan("")}}) {
      CHECK_THROWS(solver.solve(Mixture(), x, wrong, silent()));
    }
  }
}

TEST_CASE("Solvers: keep the precision of their input") {
  const auto sigmas = karras(6, {});
  for (const NamedSolver& solver : solvers()) {
    const at::Tensor x = at::linspace(-80, 80, 9);
    const at::Tensor single = solver.solve(Mixture(), x, sigmas, silent());
    const at::Tensor twice = solver.solve(Mixture(), x.to(at::kDouble), sigmas, silent());
    CHECK((single.scalar_type() == at::kFloat));
    CHECK((twice.scalar_type() == at::kDouble));
    CHECK(at::allclose(single.to(at::kDouble), twice, 0, 1e-4));
  }
}
