// UniPC, Zhao et al. 2023 (arXiv 2302.04867): predictor UniP (eq. 7) and corrector UniC (eq. 6) of
// order p on the same evaluations, data prediction, in EDM coordinates: alpha = 1,
// lambda = -log sigma, h = lambda' - lambda, hh = -h. METHODS 4.4.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "samplers/solvers/solvers.h"

namespace skipcast::samplers {
namespace {

using Matrix = std::vector<std::vector<double>>;

struct Evaluated {
  at::Tensor denoised;
  double lambda;
};

// matrix x = right by Gaussian elimination with pivots; at most 3 x 3.
std::vector<double> solve_linear(Matrix matrix, std::vector<double> right) {
  const size_t n = right.size();
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t i = k + 1; i < n; ++i) {
      if (std::abs(matrix[i][k]) > std::abs(matrix[pivot][k])) pivot = i;
    }
    std::swap(right[k], right[pivot]);
    std::swap(matrix[k], matrix[pivot]);
    for (size_t i = k + 1; i < n; ++i) {
      const double factor = matrix[i][k] / matrix[k][k];
      for (size_t j = k; j < n; ++j) matrix[i][j] -= factor * matrix[k][j];
      right[i] -= factor * right[k];
    }
  }
  for (size_t k = n; k-- > 0;) {
    for (size_t j = k + 1; j < n; ++j) right[k] -= matrix[k][j] * right[j];
    right[k] /= matrix[k][k];
  }
  return right;
}

// One step of length h: the ratios r_k of what was evaluated before it (and 1, its own end), and
// the weights of their differences.
struct Step {
  double h, phi1, b_h;
  std::vector<double> ratios;  // r_1 .. r_{p-1}, 1

  // Solves sum_k r_k^j rho_k = b_j, j = 0 .. unknowns-1.
  std::vector<double> weights(size_t unknowns) const {
    if (unknowns == 1) return {0.5};  // exact enough for order 2, as the authors take it
    Matrix powers(unknowns, std::vector<double>(unknowns));
    std::vector<double> right(unknowns);
    double factorial = 1, phi = phi1 / -h - 1;
    for (size_t j = 0; j < unknowns; ++j) {
      for (size_t k = 0; k < unknowns; ++k) {
        powers[j][k] = std::pow(ratios[k], static_cast<double>(j));
      }
      right[j] = phi * factorial / b_h;
      factorial *= static_cast<double>(j + 2);
      phi = phi / -h - 1 / factorial;
    }
    return solve_linear(std::move(powers), std::move(right));
  }
};

// `history`: newest first, [0] at the step's beginning.
Step make_step(const std::vector<Evaluated>& history, double lambda_next, size_t order,
               UnipcVariant variant) {
  const double h = lambda_next - history[0].lambda, phi1 = std::expm1(-h);
  Step step{h, phi1, variant == UnipcVariant::kBh1 ? -h : phi1, {}};
  for (size_t k = 1; k < order; ++k) {
    step.ratios.push_back((history[k].lambda - history[0].lambda) / h);
  }
  step.ratios.push_back(1);
  return step;
}

// (sigma' / sigma) x - phi1 m_0 - B sum_k rho_k D1_k, over the first weights.size() differences;
// `ahead` (or an undefined tensor) is what was evaluated at the step's end.
at::Tensor advance(const at::Tensor& x, const std::vector<Evaluated>& history, const Step& step,
                   const std::vector<double>& weights, const at::Tensor& ahead) {
  const at::Tensor& newest = history[0].denoised;
  at::Tensor next = x * std::exp(-step.h) - newest * step.phi1;
  for (size_t k = 0; k < weights.size(); ++k) {
    const bool at_end = k + 1 == step.ratios.size();
    const at::Tensor& other = at_end ? ahead : history[k + 1].denoised;
    next = next - (other - newest) * (step.b_h * weights[k] / step.ratios[k]);
  }
  return next;
}

}  // namespace

at::Tensor unipc(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                 const UnipcOptions& options) {
  check_sigmas(sigmas);
  TORCH_CHECK(options.order >= 1 && options.order <= 3, "UniPC's order is 1, 2 or 3");
  std::vector<Evaluated> history;  // newest first
  at::Tensor before;               // x at the beginning of the last step
  std::optional<Step> step;
  for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const at::Tensor denoised = denoise(x, sigmas[i]);
    if (sigmas[i + 1] == 0) return denoised;
    if (step) x = advance(before, history, *step, step->weights(step->ratios.size()), denoised);
    history.insert(history.begin(), {denoised, -std::log(sigmas[i])});

    const size_t steps_left = sigmas.size() - 1 - i;
    const size_t order = std::min({static_cast<size_t>(options.order), steps_left, history.size()});
    history.resize(std::min<size_t>(history.size(), 3));
    step = make_step(history, -std::log(sigmas[i + 1]), order, options.variant);
    before = x;
    const auto weights = order > 1 ? step->weights(order - 1) : std::vector<double>();
    x = advance(x, history, *step, weights, {});
  }
  return x;
}

at::Tensor unipc_2(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas) {
  return unipc(denoise, std::move(x), sigmas, {.order = 2});
}

at::Tensor unipc_3(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas) {
  return unipc(denoise, std::move(x), sigmas, {.order = 3});
}

constinit extern const NamedSolver kUnipc2 = {.name = "unipc_2", .solve = ode<unipc_2>};
constinit extern const NamedSolver kUnipc3 = {.name = "unipc_3", .solve = ode<unipc_3>};

}  // namespace skipcast::samplers
