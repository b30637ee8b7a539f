// Solvers that draw noise, against laws known in closed form.
#include <cmath>
#include <functional>
#include <vector>

#include "samplers/noise.h"
#include "samplers/schedule.h"
#include "samplers/solvers/solvers.h"
#include "tests/support/energy_distance.h"
#include "tests/support/known_laws.h"
#include "tests/support/torch_doctest.h"

using namespace skipcast::samplers;
using namespace skipcast::tests;

namespace {

constexpr double kMean = 0.7, kS = 0.5;  // of the Gaussian law
constexpr int64_t kSamples = 20000;      // LibTorch splits larger tensors between threads

at::Tensor gaussian_mean(const at::Tensor& x, double sigma) {
  return (x * (kS * kS) + kMean * sigma * sigma) / (kS * kS + sigma * sigma);
}

at::Tensor normal(int64_t stream, int64_t columns = 1) {
  const int64_t member[] = {0};
  return gaussian(7, stream, member, 0, {kSamples, columns})[0].to(at::kDouble);
}

// kSamples exact draws of the mixture; `stream` keys their noise.
at::Tensor draw(const Mixture& law, int64_t stream) {
  const at::Tensor which = normal(stream + 1000) < -0.5244005127080407;  // probability 0.3
  const at::Tensor z = normal(stream);
  return at::where(which, z * law.deviation[0] + law.mean[0], z * law.deviation[1] + law.mean[1]);
}

Moments gaussian_moments(const at::Tensor& x, double sigma) {
  const double variance = kS * kS * sigma * sigma / (kS * kS + sigma * sigma);
  return {gaussian_mean(x, sigma), at::full_like(x, variance), at::zeros_like(x)};
}

Noising noisy(std::optional<double> amount = {}, int64_t columns = 1) {
  return {.draw = [columns](int64_t n) { return normal(100 + n, columns); },
          .amount = amount,
          .moments = gaussian_moments};
}

// The same for another law.
Noising noisy_about(MomentDenoiser moments, int64_t columns = 1) {
  Noising noising = noisy({}, columns);
  noising.moments = std::move(moments);
  return noising;
}

// The same draws, none: what is left is the mean of a linear problem.
Noising mean_only() {
  return {.draw = [](int64_t) { return at::zeros({1}, at::kDouble); }};
}

std::vector<NamedSolver> stochastic() {
  std::vector<NamedSolver> found;
  for (const NamedSolver& solver : solvers()) {
    if (!solver.amount.empty()) found.push_back(solver);
  }
  return found;
}

}  // namespace

TEST_CASE("Without noise each is its solver of the ODE, bit for bit") {
  const at::Tensor x = at::linspace(-9, 9, 13, at::kDouble);
  const auto sigmas = karras(7, {});
  const Noising none = {.amount = 0};
  const Mixture law;
  CHECK(at::equal(heun_churn(law, x, sigmas, none), heun(law, x, sigmas)));
  CHECK(at::equal(dpmpp_2m_sde(law, x, sigmas, none), dpmpp_2m(law, x, sigmas)));
  CHECK(at::equal(restart_heun(law, x, sigmas, none), heun(law, x, sigmas)));
  CHECK(at::equal(restart_2m(law, x, sigmas, none), dpmpp_2m(law, x, sigmas)));
  CHECK(at::equal(gms(law, x, sigmas, none), ddim(law, x, sigmas, none)));
  CHECK(at::allclose(ddim(law, x, sigmas, none), euler(law, x, sigmas), 1e-12, 1e-12));
  CHECK(at::allclose(dpmpp_2s_churn(law, x, sigmas, none), dpmpp_2s(law, x, sigmas), 1e-12, 1e-12));
  // The exact integral over one estimate is the exponential Euler step.
  const SaOptions first_order = {.predictor = 1, .corrector = 1};
  const at::Tensor one = sa_solver(law, x, log_levels(1, 4, 1), none, first_order);
  CHECK(at::allclose(one, euler(law, x, log_levels(1, 4, 1)), 1e-12, 1e-12));
}

TEST_CASE("A Gaussian law: mean and variance of many steps are the law's") {
  const auto sigmas = karras(96, {.sigma_min = 0.01, .sigma_max = 20});
  const at::Tensor x = kMean + normal(1) * std::sqrt(kS * kS + 400);
  for (const NamedSolver& solver : stochastic()) {
    CAPTURE(solver.name);
    const at::Tensor y = solver.solve(gaussian_mean, x, sigmas, noisy());
    // Standard errors: 0.5 / sqrt(20000) of the mean, 1 / sqrt(2 * 20000) of the deviation.
    CHECK(std::abs(y.mean().item<double>() - kMean) < 4 * kS / 141);
    const bool inflated = solver.scale_default > 1 || solver.name == "ddim";
    CHECK(std::abs(y.std().item<double>() / kS - 1) < (inflated ? 0.06 : 0.02));
  }
}

TEST_CASE("A Gaussian law in two dimensions: the covariance is the law's") {
  // y = A z, C = A A^T; D = C (C + sigma^2)^-1 x for mean 0.
  const at::Tensor a = at::tensor({0.8, 0.0, 0.5, 0.3}, at::kDouble).view({2, 2});
  const at::Tensor c = a.matmul(a.t()), eye = at::eye(2, at::kDouble);
  const Denoiser denoise = [&](const at::Tensor& x, double sigma) {
    return x.matmul((c + eye * (sigma * sigma)).inverse().matmul(c));
  };
  const MomentDenoiser moments = [&](const at::Tensor& x, double sigma) -> Moments {
    const at::Tensor given = (c.inverse() + eye / (sigma * sigma)).inverse();
    return {denoise(x, sigma), given.diagonal().expand_as(x).contiguous(), at::zeros_like(x)};
  };
  const auto sigmas = karras(64, {.sigma_min = 0.01, .sigma_max = 20});
  const at::Tensor x = normal(2, 2).matmul(a.t()) + normal(3, 2) * 20;
  for (const NamedSolver& solver : stochastic()) {
    CAPTURE(solver.name);
    const at::Tensor y = solver.solve(denoise, x, sigmas, noisy_about(moments, 2));
    const at::Tensor covariance = y.t().matmul(y) / kSamples;
    const bool inflated = solver.scale_default > 1 || solver.name == "ddim";
    CHECK((covariance - c).abs().max().item<double>() < (inflated ? 0.08 : 0.04));
  }
}

TEST_CASE("A Gaussian mixture: as near to exact draws as other exact draws, within 5e-4") {
  const Mixture law;
  const at::Tensor exact = draw(law, 10);
  CHECK(energy_distance(exact, draw(law, 11)) < 1e-4);
  CHECK(energy_distance(exact, exact + 0.1) > 3e-3);
  const auto sigmas = karras(96, {.sigma_min = 0.01, .sigma_max = 20});
  const at::Tensor x = draw(law, 12) + normal(4) * 20;
  for (const NamedSolver& solver : stochastic()) {
    CAPTURE(solver.name);
    const Noising noising = noisy_about(
        [&](const at::Tensor& state, double sigma) { return law.moments(state, sigma); });
    CHECK(energy_distance(exact, solver.solve(law, x, sigmas, noising)) < 5e-4);
  }
}

TEST_CASE("A Gaussian law: a step of the SDE at tau 1 is exact in the mean, however long") {
  const at::Tensor x = at::full({1}, 5.0, at::kDouble);
  for (const double low : {3.0, 0.1}) {
    const double factor = (kS * kS + low * low) / (kS * kS + 100);
    const std::vector<double> step = {10, low};
    const SaOptions first_order = {1, 1, 1e-9, 1e9};
    const at::Tensor by_sa = sa_solver(gaussian_mean, x, step, mean_only(), first_order);
    const at::Tensor by_sde = dpmpp_2m_sde(gaussian_mean, x, step, mean_only());
    CHECK(std::abs(by_sa.item<double>() - kMean - 4.3 * factor) < 1e-12);
    CHECK(std::abs(by_sde.item<double>() - kMean - 4.3 * factor) < 1e-12);
  }
}

TEST_CASE("The drift of the reverse SDE is met to the order of the solver") {
  constexpr double kHigh = 10, kLow = 0.1, kTau = 0.7;
  const Mixture law;
  const at::Tensor x = at::linspace(-20, 20, 41, at::kDouble);
  const at::Tensor exact = mixture_flow(x, kHigh, kLow, 1 + kTau * kTau);
  using Solve = std::function<at::Tensor(const std::vector<double>&)>;
  const auto order = [&](const Solve& solve) {
    const auto error = [&](int64_t steps) {
      const at::Tensor apart = solve(graded_levels(steps, kHigh, kLow)) - exact;
      return apart.square().mean().sqrt().item<double>();
    };
    return std::log2(error(256) / error(512));
  };
  Noising drift = mean_only();
  drift.amount = kTau;
  const auto by_sa = [&](int predictor, int corrector) {
    const SaOptions options = {predictor, corrector, 1e-9, 1e9};
    return order([=, &law](const std::vector<double>& sigmas) {
      return sa_solver(law, x, sigmas, drift, options);
    });
  };
  CHECK(std::abs(by_sa(1, 1) - 1) < 0.2);
  CHECK(by_sa(2, 2) > 1.8);
  CHECK(by_sa(3, 4) > 2.7);
  drift.amount = kTau * kTau;  // eta
  CHECK(order([&](const std::vector<double>& sigmas) {
          return dpmpp_2m_sde(law, x, sigmas, drift);
        }) > 1.8);
}

TEST_CASE("A restart multiplies a wrong mean by the factor of theory") {
  // From sigma 0.1 back up to 2 and down again, METHODS 4.6.
  const std::vector<double> sigmas = log_levels(400, 2, 0.1);
  const RestartInterval interval = {400, 1, 0.1, 2};
  const Restarts restarts = {heun, {&interval, 1}};
  const at::Tensor wrong = at::full({1}, kMean + 1, at::kDouble);
  const double once = heun(gaussian_mean, wrong, sigmas).item<double>() - kMean;
  const double again =
      restarted(restarts, gaussian_mean, wrong, sigmas, mean_only()).item<double>() - kMean;
  const double factor = std::sqrt((kS * kS + 0.01) / (kS * kS + 4));
  CHECK(again / once == doctest::Approx(factor).epsilon(1e-3));
}

TEST_CASE("A biased entry of too little spread: noise on the way mends both") {
  const std::vector<double> sigmas = karras(12, {.sigma_min = 0.05, .sigma_max = 0.5});
  const at::Tensor x = kMean + 0.6 + normal(5) * 0.5;  // one shared start, fresh noise
  const at::Tensor by_ode = dpmpp_2m(gaussian_mean, x, sigmas);
  const double bias = by_ode.mean().item<double>() - kMean, spread = by_ode.std().item<double>();
  for (const char* name : {"ddim", "dpmpp_2m_sde", "sa_2", "restart_heun", "restart_2m", "gms"}) {
    CAPTURE(std::string(name));
    const at::Tensor y = find_solver(name)->solve(gaussian_mean, x, sigmas, noisy());
    CHECK(y.mean().item<double>() - kMean < 0.96 * bias);
    CHECK(std::abs(y.std().item<double>() - kS) < std::abs(spread - kS));
  }
}

TEST_CASE("Draws: each is asked for once, ascending, and scaled by S_noise") {
  const auto sigmas = karras(6, {});
  for (const NamedSolver& solver : stochastic()) {
    CAPTURE(solver.name);
    std::vector<int64_t> asked;
    const Noising record = {.draw =
                                [&asked](int64_t n) {
                                  asked.push_back(n);
                                  return at::ones({3}, at::kDouble);
                                },
                            .moments = gaussian_moments};
    const at::Tensor x = at::ones({3}, at::kDouble),
                     once = solver.solve(gaussian_mean, x, sigmas, record);
    CHECK_FALSE(asked.empty());
    CHECK(asked.front() >= 1);
    for (size_t i = 1; i < asked.size(); ++i) CHECK(asked[i] > asked[i - 1]);
    Noising twice = record, none = record;
    twice.scale = 2 * solver.scale_default;
    none.scale = 0;
    const at::Tensor still = solver.solve(gaussian_mean, x, sigmas, none);
    const at::Tensor more = solver.solve(gaussian_mean, x, sigmas, twice);
    CHECK(at::allclose(more - still, (once - still) * 2, 1e-9, 1e-12));  // the problem is linear
  }
}

TEST_CASE("Churn lifts no state above the highest level the network knows") {
  double highest = 0;
  const Denoiser denoise = [&highest](const at::Tensor& x, double sigma) {
    highest = std::max(highest, sigma);
    return gaussian_mean(x, sigma);
  };
  Noising noising = {.draw = [](int64_t) { return at::ones({1}, at::kDouble); }, .amount = 40};
  const std::vector<double> sigmas = {5, 1, 0.1, 0};
  heun_churn(denoise, at::ones({1}, at::kDouble), sigmas, noising);
  CHECK(highest == doctest::Approx(5 * std::sqrt(2.0)));
  noising.sigma_max = 5.5;
  highest = 0;
  heun_churn(denoise, at::ones({1}, at::kDouble), sigmas, noising);
  CHECK(highest == 5.5);
}

TEST_CASE("Restart: wrong settings are refused, one step to 0 is not restarted") {
  const at::Tensor x = at::ones({1}, at::kDouble);
  const std::vector<double> sigmas = {5, 1, 0.1, 0}, one = {5, 0};
  CHECK_THROWS(ddim(gaussian_mean, x, sigmas, noisy(1.5)));
  CHECK_THROWS(dpmpp_2m_sde(gaussian_mean, x, sigmas, noisy(-0.1)));
  CHECK_THROWS(gms(gaussian_mean, x, sigmas, noisy(1.1)));
  CHECK_THROWS(heun_churn(gaussian_mean, x, sigmas, noisy(-1)));
  CHECK_THROWS(sa_2(gaussian_mean, x, sigmas, noisy(-1)));
  CHECK_THROWS(sa_solver(gaussian_mean, x, sigmas, noisy(), {.predictor = 5}));
  CHECK_THROWS(restart_2m(gaussian_mean, x, sigmas, noisy(-1)));
  CHECK(at::equal(restart_2m(gaussian_mean, x, one, noisy(3)), gaussian_mean(x, 5)));
}
