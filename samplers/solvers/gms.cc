// Gaussian mixture solver, Guo et al. 2023 (arXiv 2311.00941), in EDM coordinates. METHODS 4.7.
//
// Of a step from sigma to s, DDIM's kernel given y is normal with the mean k x + (1 - k) y and the
// deviation f = eta s sqrt(1 - s^2 / sigma^2), k = sqrt(s^2 - f^2) / sigma. With y's moments given
// x, mean D and central m2, m3, those of the next state are, elementwise and for b = eta (1 - k),
//   mean  k x + (1 - k) D,   variance  f^2 + b^2 m2,   third  b^3 m3,
// exactly so at eta = 1, where b = 1 - k. A smaller eta shrinks y's deviation with the rest.
//
// The next state is drawn from two normal laws of weights p = 1/3, q = 2/3 and one variance v. The
// authors fit them by 70 steps of Adan; but three moments determine three unknowns: with the means
// d apart, variance = v + p q d^2 and third = p q (q - p) d^3 are solved in closed form.
#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <cmath>

#include "samplers/solvers/solvers.h"

namespace skipcast::samplers {
namespace {

constexpr double kFirst = 1.0 / 3, kSecond = 2.0 / 3;
constexpr double kFirstQuantile = -0.4307272992954576;  // a normal value is below it: 1/3
constexpr double kNarrowest = 0.1;                      // share of the variance that v keeps

template <typename T>
void cube_roots(const T* from, T* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(std::cbrt(double(from[i])));
}

// Element by element by one routine: LibTorch's powers of a tensor's ends take another than the
// rest, so that bits would depend on the batch.
at::Tensor cube_root(const at::Tensor& x) {
  if (!x.is_cpu()) return x.sign() * x.abs().pow(1.0 / 3);
  const at::Tensor in = x.contiguous();
  at::Tensor out = at::empty_like(in);
  if (in.scalar_type() == at::kDouble) {
    cube_roots(in.const_data_ptr<double>(), out.data_ptr<double>(), in.numel());
  } else {
    cube_roots(in.const_data_ptr<float>(), out.data_ptr<float>(), in.numel());
  }
  return out;
}

}  // namespace

TwoNormals fit_two_normals(const at::Tensor& variance, const at::Tensor& third) {
  constexpr double product = kFirst * kSecond;
  const at::Tensor furthest = (variance * ((1 - kNarrowest) / product)).sqrt();
  const at::Tensor wanted = cube_root(third * (1 / (product * (kSecond - kFirst))));
  const at::Tensor apart = at::maximum(at::minimum(wanted, furthest), -furthest);
  return {apart * kSecond, apart * -kFirst, variance - apart * apart * product};
}

at::Tensor gms(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
               const Noising& noising) {
  check_sigmas(sigmas);
  const double eta = noising.amount.value_or(1), scale = noising.scale.value_or(1);
  TORCH_CHECK(eta >= 0 && eta <= 1, "eta is ", eta, ", must lie in 0..1");
  TORCH_CHECK(eta == 0 || noising.moments, "gms needs a network with moment heads");
  for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const double sigma = sigmas[i], next = sigmas[i + 1];
    if (next == 0) return denoise(x, sigma);

    const double fresh = eta * next * std::sqrt(1 - (next / sigma) * (next / sigma));
    const double kept = std::sqrt(next * next - fresh * fresh) / sigma, b = eta * (1 - kept);
    if (eta == 0) {
      x = x * kept + denoise(x, sigma) * (1 - kept);
      continue;
    }
    const Moments y = noising.moments(x, sigma);
    const TwoNormals laws =
        fit_two_normals(y.second * (b * b) + fresh * fresh, y.third * (b * b * b));
    const auto draw = 2 * static_cast<int64_t>(i) + 1;
    const at::Tensor first = noising.draw(draw) < kFirstQuantile;
    const at::Tensor deviation =
        at::where(first, laws.first, laws.second) + laws.variance.sqrt() * noising.draw(draw + 1);
    x = x * kept + y.mean * (1 - kept) + deviation * scale;
  }
  return x;
}

constinit extern const NamedSolver kGms = {.name = "gms",
                                           .solve = gms,
                                           .amount = "eta",
                                           .amount_default = 1,
                                           .amount_max = 1,
                                           .needs_moments = true};

}  // namespace skipcast::samplers
