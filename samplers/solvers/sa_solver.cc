// SA-Solver, Xue et al. 2023 (arXiv 2309.05019), eq. 14 (predictor) and 17 (corrector), data
// prediction, in EDM coordinates: alpha = 1, lambda = -log sigma, h = lambda' - lambda and
// a = 1 + tau^2:
//   x' = e^{-a h} x + sum_j w_j D_j + sigma' sqrt(1 - e^{-2 tau^2 h}) eps,
//   w_j = a e^{-a lambda'} integral of e^{a l} L_j(l) over l = lambda .. lambda'
// with the Lagrange polynomials L_j through the estimates' lambdas. METHODS 4.5.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "samplers/solvers/solvers.h"

namespace skipcast::samplers {
namespace {

constexpr double kTauMax = 4;

struct Estimate {
  at::Tensor denoised;
  double lambda;
};

// A step from lambda to next.
struct Step {
  double lambda, next, tau;
  at::Tensor x, eps;  // the state it began with, and its draw (undefined when tau is 0)

  double h() const { return next - lambda; }
  double a() const { return 1 + tau * tau; }
};

// a times the integral of e^{a u} u^k over u = -h .. 0 for k = 0 .. count-1, by parts.
std::vector<double> moments(const Step& step, size_t count) {
  const double a = step.a(), h = step.h(), decay = std::exp(-a * h);
  std::vector<double> m = {-std::expm1(-a * h)};
  double power = 1;  // (-h)^k
  for (size_t k = 1; k < count; ++k) {
    power *= -h;
    m.push_back(-power * decay - static_cast<double>(k) / a * m.back());
  }
  return m;
}

// w_j for estimates at these lambdas.
std::vector<double> weights(const Step& step, const std::vector<Estimate>& estimates) {
  const std::vector<double> m = moments(step, estimates.size());
  std::vector<double> result;
  for (const Estimate& chosen : estimates) {
    std::vector<double> polynomial = {1};  // of u = l - next, lowest power first
    for (const Estimate& other : estimates) {
      if (&other == &chosen) continue;
      const double root = other.lambda - step.next, width = chosen.lambda - other.lambda;
      polynomial.push_back(0);
      for (size_t k = polynomial.size(); k-- > 0;) {
        const double below = k > 0 ? polynomial[k - 1] : 0;
        polynomial[k] = (below - root * polynomial[k]) / width;
      }
    }
    double weight = 0;
    for (size_t k = 0; k < m.size(); ++k) weight += polynomial[k] * m[k];
    result.push_back(weight);
  }
  return result;
}

// Of two estimates a h^2/2 times their slope: the integral's leading term.
std::vector<double> leading_weights(const Step& step, const std::vector<Estimate>& estimates) {
  const double a = step.a(), h = step.h();
  const double slope = a * h * h / 2 / (estimates[0].lambda - estimates[1].lambda);
  // Both sets interpolate at the step's beginning: estimates[0] of a predictor, [1] of a corrector.
  const bool corrects = estimates[0].lambda > step.lambda;
  const double constant = -std::expm1(-a * h);
  if (corrects) return {slope, constant - slope};
  return {constant + slope, -slope};
}

at::Tensor advance(const Step& step, const std::vector<Estimate>& estimates, double scale,
                   bool leading_term) {
  const bool shortened = leading_term && estimates.size() == 2;
  const std::vector<double> w =
      shortened ? leading_weights(step, estimates) : weights(step, estimates);
  at::Tensor x = step.x * std::exp(-step.a() * step.h());
  for (size_t j = 0; j < w.size(); ++j) x = x + estimates[j].denoised * w[j];
  if (!step.eps.defined()) return x;
  const double fresh = std::sqrt(-std::expm1(-2 * step.tau * step.tau * step.h()));
  return x + step.eps * (std::exp(-step.next) * fresh * scale);
}

void check(const SaOptions& options, double tau) {
  const auto fits = [](int order) { return order >= 1 && order <= 4; };
  TORCH_CHECK(fits(options.predictor) && fits(options.corrector), "SA-Solver's orders are 1..4");
  TORCH_CHECK(tau >= 0, "tau is ", tau, ", must be 0 or more");
}

}  // namespace

at::Tensor sa_solver(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                     const Noising& noising, const SaOptions& options) {
  check_sigmas(sigmas);
  const double tau = noising.amount.value_or(1), scale = noising.scale.value_or(1);
  check(options, tau);
  std::vector<Estimate> past;  // newest first
  Step step;                   // the last one taken
  const size_t kept = static_cast<size_t>(std::max(options.predictor, options.corrector));
  for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const size_t left = sigmas.size() - 1 - i - (sigmas.back() == 0 ? 1 : 0);  // steps above 0
    past.insert(past.begin(), {denoise(x, sigmas[i]), -std::log(sigmas[i])});
    if (sigmas[i + 1] == 0) return past.front().denoised;
    const auto newest = [&past](size_t order, size_t steps_left) {
      const size_t count = std::min({order, past.size(), std::max<size_t>(steps_left, 1)});
      return std::vector<Estimate>(past.begin(), past.begin() + static_cast<int64_t>(count));
    };
    if (i > 0) {  // correct the last step with what was evaluated at its end
      const auto estimates = newest(static_cast<size_t>(options.corrector), left + 2);
      x = advance(step, estimates, scale, options.leading_term);
    }
    const bool noisy = sigmas[i] >= options.low && sigmas[i] <= options.high && tau > 0;
    step = {-std::log(sigmas[i]), -std::log(sigmas[i + 1]), noisy ? tau : 0, x, {}};
    if (noisy) step.eps = noising.draw(static_cast<int64_t>(i) + 1);
    const auto estimates = newest(static_cast<size_t>(options.predictor), left);
    x = advance(step, estimates, scale, options.leading_term);
    if (past.size() >= kept) past.resize(kept);
  }
  return x;
}

at::Tensor sa_2(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                const Noising& noising) {
  return sa_solver(denoise, std::move(x), sigmas, noising, {});
}

at::Tensor sa_3(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                const Noising& noising) {
  return sa_solver(denoise, std::move(x), sigmas, noising, {.predictor = 3, .corrector = 4});
}

constinit extern const NamedSolver kSa2 = {
    .name = "sa_2", .solve = sa_2, .amount = "tau", .amount_default = 1, .amount_max = kTauMax};
constinit extern const NamedSolver kSa3 = {
    .name = "sa_3", .solve = sa_3, .amount = "tau", .amount_default = 1, .amount_max = kTauMax};

}  // namespace skipcast::samplers
