// The Gaussian mixture solver: its fit, and its steps against laws known in closed form.
#include <ATen/Parallel.h>

#include <cmath>
#include <string>
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

constexpr int64_t kSamples = 40000;

at::Tensor normal(int64_t stream) {
  const int64_t member[] = {0};
  return gaussian(11, stream, member, 0, {kSamples})[0].to(at::kDouble);
}

at::Tensor draw(const Mixture& law, int64_t stream) {
  const at::Tensor which = normal(stream + 1000) < -0.5244005127080407;  // probability 0.3
  const at::Tensor z = normal(stream);
  return at::where(which, z * law.deviation[0] + law.mean[0], z * law.deviation[1] + law.mean[1]);
}

Noising noisy(const Mixture& law) {
  return {.draw = [](int64_t n) { return normal(100 + n); },
          .moments = [law](const at::Tensor& x, double sigma) { return law.moments(x, sigma); }};
}

double skewness(const at::Tensor& x) {
  const at::Tensor apart = x - x.mean();
  return (apart.pow(3).mean() / apart.square().mean().pow(1.5)).item<double>();
}

// Moments of the two laws together, [3]: mean, variance, third.
at::Tensor moments_of(const TwoNormals& laws) {
  const at::Tensor a = laws.first, b = laws.second, v = laws.variance;
  return at::stack({(a + 2 * b) / 3, v + (a * a + 2 * b * b) / 3,
                    (a * (a * a + 3 * v) + 2 * b * (b * b + 3 * v)) / 3});
}

}  // namespace

TEST_CASE("GMS: the fit has the three moments wherever a mixture can have them") {
  const at::Tensor variance = at::tensor({0.01, 1.0, 4.0, 2.5, 1.0, 9.0}, at::kDouble);
  const at::Tensor skew = at::tensor({0.0, 0.6, -0.6, 0.3, -0.01, 0.599}, at::kDouble);
  const at::Tensor third = skew * variance.pow(1.5);
  const TwoNormals laws = fit_two_normals(variance, third);
  const at::Tensor wanted = at::stack({at::zeros_like(variance), variance, third});
  CHECK(at::allclose(moments_of(laws), wanted, 1e-12, 1e-12));
  CHECK((laws.variance >= 0.1 * variance).all().item<bool>());
}

TEST_CASE("GMS: of more skewness than a mixture has, the fit keeps the variance and the sign") {
  const at::Tensor variance = at::tensor({1.0, 4.0, 1.0}, at::kDouble);
  const at::Tensor third = at::tensor({0.7, -80.0, 1e9}, at::kDouble);
  const TwoNormals laws = fit_two_normals(variance, third);
  const at::Tensor made = moments_of(laws);
  CHECK(at::allclose(made[1], variance, 1e-12, 1e-12));
  CHECK(at::allclose(laws.variance, 0.1 * variance, 1e-12, 1e-12));
  const at::Tensor most = at::tensor({0.6037, -0.6037, 0.6037}, at::kDouble);
  CHECK(at::allclose(made[2] / variance.pow(1.5), most, 1e-3, 1e-4));
}

TEST_CASE("GMS: of a normal law, a step of any length has the exact mean and variance") {
  constexpr double kMean = 0.7, kS = 0.5;
  const auto mean = [](const at::Tensor& x, double sigma) {
    return (x * (kS * kS) + kMean * sigma * sigma) / (kS * kS + sigma * sigma);
  };
  const at::Tensor x = at::linspace(-9, 9, 7, at::kDouble);
  double value = 0;
  const Noising noising = {.draw = [&](int64_t) { return at::full_like(x, value); },
                           .moments = [&](const at::Tensor& at_x, double s) -> Moments {
                             const double second = kS * kS * s * s / (kS * kS + s * s);
                             return {mean(at_x, s), at::full_like(x, second), at::zeros_like(x)};
                           }};
  for (const double low : {9.0, 3.0, 0.1}) {
    const std::vector<double> step = {10, low};
    // x' given x: regression of two levels of one Brownian path.
    const double total = kS * kS + 100, next = kS * kS + low * low;
    value = 0;
    const at::Tensor centre = gms(mean, x, step, noising);
    CHECK(at::allclose(centre, kMean + (x - kMean) * (next / total), 1e-12, 1e-12));
    value = 1;
    const at::Tensor deviation = gms(mean, x, step, noising) - centre;
    const at::Tensor exact = at::full_like(x, std::sqrt(next - next * next / total));
    CHECK(at::allclose(deviation, exact, 1e-12, 1e-12));
  }
}

TEST_CASE("GMS: one step has mean, variance and skewness of the next level's law") {
  const Mixture law;
  for (const double high : {4.0, 1.0}) {
    for (const double low : {1.0 / 2, 1.0 / 4}) {
      CAPTURE(high);
      CAPTURE(low);
      const std::vector<double> step = {high, high * low};
      const at::Tensor x = draw(law, 1) + normal(2) * high;
      const at::Tensor exact = draw(law, 3) + normal(4) * (high * low);
      const at::Tensor made = gms(law, x, step, noisy(law));
      CHECK(std::abs((made.mean() - exact.mean()).item<double>()) < 0.03 * (1 + high * low));
      CHECK(std::abs((made.std() / exact.std()).item<double>() - 1) < 0.015);
      CHECK(std::abs(skewness(made) - skewness(exact)) < 0.06);
      const at::Tensor by_mean = ddim(law, x, step, noisy(law));
      CHECK(energy_distance(made, exact) < 0.5 * energy_distance(by_mean, exact));
    }
  }
}

TEST_CASE("GMS: few steps on a skewed law are nearer to exact draws than DDIM and DPM-Solver++") {
  const Mixture law;
  const at::Tensor exact = draw(law, 10);
  const at::Tensor z = draw(law, 12) + normal(4) * 20;
  for (const int64_t steps : {4, 6, 8}) {
    CAPTURE(steps);
    const auto sigmas = karras(steps, {.sigma_min = 0.02, .sigma_max = 20});
    const double by_gms = energy_distance(exact, gms(law, z, sigmas, noisy(law)));
    CHECK(by_gms < 0.5 * energy_distance(exact, ddim(law, z, sigmas, noisy(law))));
    CHECK(by_gms < 0.5 * energy_distance(exact, dpmpp_2m(law, z, sigmas)));
    CHECK(by_gms < 0.5 * energy_distance(exact, dpmpp_2m_sde(law, z, sigmas, noisy(law))));
    CHECK(by_gms < 3e-3);  // 0.1 apart is 3e-3 as well
  }
}

TEST_CASE("GMS: the skewness is worth something beside mean and variance") {
  const Mixture law;
  const at::Tensor exact = draw(law, 10), z = draw(law, 12) + normal(4) * 20;
  const auto sigmas = karras(6, {.sigma_min = 0.02, .sigma_max = 20});
  Noising symmetric = noisy(law);
  symmetric.moments = [&](const at::Tensor& x, double sigma) -> Moments {
    const Moments all = law.moments(x, sigma);
    return {all.mean, all.second, at::zeros_like(x)};
  };
  CHECK(energy_distance(exact, gms(law, z, sigmas, noisy(law))) <
        energy_distance(exact, gms(law, z, sigmas, symmetric)));
}

TEST_CASE("GMS: single precision, any piece of the state and any number of threads: equal bits") {
  const Mixture law;
  // Given moments, so that only the solver's own arithmetic is compared.
  const at::Tensor x = normal(1).to(at::kFloat), second = normal(2).square().to(at::kFloat) + 0.01;
  const at::Tensor third = normal(3).to(at::kFloat);
  const std::vector<double> step = {3, 1};
  const auto piece = [&](int64_t from, int64_t count) {
    const Noising noising = {
        .draw = [=](int64_t n) { return normal(n).to(at::kFloat).narrow(0, from, count); },
        .moments = [=](const at::Tensor& at_x, double) -> Moments {
          return {at_x * 0.5, second.narrow(0, from, count), third.narrow(0, from, count)};
        }};
    return gms(law, x.narrow(0, from, count), step, noising);
  };
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor whole = piece(0, kSamples);
  CHECK((whole.scalar_type() == at::kFloat));
  at::set_num_threads(2);
  CHECK(at::equal(piece(0, kSamples), whole));
  for (const int64_t from : {1, 7, 33, 20003}) {
    CHECK(at::equal(piece(from, 1001), whole.narrow(0, from, 1001)));
  }
  at::set_num_threads(before);
}

TEST_CASE("GMS: needs moments unless it draws nothing, and the step to 0 is the mean") {
  const Mixture law;
  const at::Tensor x = at::linspace(-2, 2, 5, at::kDouble);
  const std::vector<double> two = {3, 1, 0}, last = {0.3, 0};
  const Noising none = {.draw = [&](int64_t) { return at::zeros_like(x); }};
  CHECK_THROWS(gms(law, x, two, none));
  CHECK(at::equal(gms(law, x, last, noisy(law)), law(x, 0.3)));
  CHECK(find_solver("gms")->needs_moments);
  CHECK_FALSE(find_solver("ddim")->needs_moments);
}
