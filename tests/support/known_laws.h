// Laws whose denoiser is known in closed form, and levels for measuring a solver's order on them.
#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "samplers/precondition.h"

namespace skipcast::tests {

// Levels from `high` to `low`, evenly spaced in log sigma; no step to 0.
inline std::vector<double> log_levels(int64_t steps, double high, double low) {
  std::vector<double> sigmas;
  for (int64_t i = 0; i <= steps; ++i) {
    const double part = static_cast<double>(i) / static_cast<double>(steps);
    sigmas.push_back(high * std::pow(low / high, part));
  }
  return sigmas;
}

// Even steps in log sigma but for two of h^2 at each end, where multistep methods are of low order:
// so short that their error does not count.
inline std::vector<double> graded_levels(int64_t steps, double high, double low) {
  const double h = std::log(low / high) / static_cast<double>(steps);
  const double edge = std::exp(-2 * h * h);
  std::vector<double> sigmas = log_levels(steps, high * edge, low / edge);
  sigmas.insert(sigmas.begin(), {high, high * std::sqrt(edge)});
  sigmas.insert(sigmas.end(), {low / std::sqrt(edge), low});
  return sigmas;
}

// E[y | x] for y ~ 0.3 N(-1, 0.3^2) + 0.7 N(0.8, 0.5^2).
struct Mixture {
  double weight[2] = {0.3, 0.7}, mean[2] = {-1, 0.8}, deviation[2] = {0.3, 0.5};

  at::Tensor operator()(const at::Tensor& x, double sigma) const {
    return (*this)(x, at::scalar_tensor(sigma, at::kDouble));
  }

  // For autograd: sigma a scalar tensor.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& sigma) const {
    at::Tensor total = at::zeros_like(x), sum = at::zeros_like(x);
    for (int k = 0; k < 2; ++k) {
      const double s2 = deviation[k] * deviation[k];
      const at::Tensor noise = sigma.square(), variance = noise + s2;
      const at::Tensor likelihood =
          (-(x - mean[k]).square() / (2 * variance)).exp() * (weight[k] / variance.sqrt());
      total = total + likelihood * (x * s2 + mean[k] * noise) / variance;
      sum = sum + likelihood;
    }
    return total / sum;
  }

  // The same and the central moments of y given x, which is such a mixture again.
  samplers::Moments moments(const at::Tensor& x, double sigma) const {
    const at::Tensor estimate = (*this)(x, sigma);
    at::Tensor sum = at::zeros_like(x), second = sum, third = sum;
    for (int k = 0; k < 2; ++k) {
      const double s2 = deviation[k] * deviation[k], variance = s2 + sigma * sigma;
      const at::Tensor likelihood =
          (-(x - mean[k]).square() / (2 * variance)).exp() * (weight[k] / std::sqrt(variance));
      const at::Tensor apart = (x * s2 + mean[k] * sigma * sigma) / variance - estimate;
      const double within = s2 * sigma * sigma / variance;
      sum = sum + likelihood;
      second = second + likelihood * (apart.square() + within);
      third = third + likelihood * apart * (apart.square() + 3 * within);
    }
    return {estimate, second / sum, third / sum};
  }
};

// The mixture's flow dx = a (x - D) dlog sigma from sigma `high` to `low` by classical Runge-Kutta
// with many steps: a = 1 is the probability-flow ODE, 1 + tau^2 the drift of the reverse SDE.
inline at::Tensor mixture_flow(at::Tensor x, double high, double low, double a = 1) {
  constexpr int kSteps = 2000;
  const double h = std::log(low / high) / kSteps;
  const auto slope = [a](const at::Tensor& at_x, double t) {
    return (at_x - Mixture()(at_x, std::exp(t))) * a;
  };
  for (int i = 0; i < kSteps; ++i) {
    const double t = std::log(high) + i * h;
    const at::Tensor k1 = slope(x, t), k2 = slope(x + k1 * (h / 2), t + h / 2);
    const at::Tensor k3 = slope(x + k2 * (h / 2), t + h / 2), k4 = slope(x + k3 * h, t + h);
    x = x + (k1 + (k2 + k3) * 2 + k4) * (h / 6);
  }
  return x;
}

}  // namespace skipcast::tests
