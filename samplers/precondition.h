// EDM preconditioning (Karras et al. 2022, table 1): from a raw network F to a denoiser D.
// D(x; sigma) = c_skip x + c_out F(c_in x, c_noise). The only home of these formulas: for one
// noise level in a double, and for levels in a tensor. The two forms round differently in the last
// digit (x c_in against x / total), and each of their users keeps its own. Pure functions,
// thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace skipcast::samplers {

// A denoiser conditioned on one query's context: E[y | x = y + sigma*eps]. x is
// [members, ...] float32; returns the same shape. One call = one NFE a member.
using Denoiser = std::function<at::Tensor(const at::Tensor& x, double sigma)>;

// The same for autograd to follow: sigma is a float64 scalar tensor.
using TensorDenoiser = std::function<at::Tensor(const at::Tensor& x, const at::Tensor& sigma)>;

// What a network with moment heads knows of y given x, element by element: E[y | x] as above, and
// the second and third moments about it, shaped like x. One call = one NFE a member.
struct Moments {
  at::Tensor mean, second, third;
};
using MomentDenoiser = std::function<Moments(const at::Tensor& x, double sigma)>;

// A raw network of one query: F(c_in x; c_noise), shaped like x, float32; c_noise [1].
using RawNetwork = std::function<at::Tensor(const at::Tensor& input, const at::Tensor& c_noise)>;

// At one noise level.
struct Scalings {
  double c_skip, c_out, c_in, c_noise;

  at::Tensor input(const at::Tensor& x) const;                          // c_in x, float32
  at::Tensor level(const at::Tensor& x) const;                          // c_noise, [1], as x lies
  at::Tensor denoised(const at::Tensor& x, const at::Tensor& f) const;  // D, of x's type
};
Scalings edm_scalings(double sigma, double sigma_data);

// At noise levels in a tensor that broadcasts with x; autograd follows them.
class TensorScalings {
 public:
  TensorScalings(at::Tensor sigma, double sigma_data);
  at::Tensor input(const at::Tensor& x) const;                          // c_in x
  at::Tensor denoised(const at::Tensor& x, const at::Tensor& f) const;  // D
  // What F should have been where x = y + sigma eps: (y - c_skip x) / c_out.
  at::Tensor wanted(const at::Tensor& y, const at::Tensor& x) const;

 private:
  at::Tensor sigma_, total_;  // total^2 = sigma^2 + sigma_data^2
  double data_;
};
at::Tensor edm_level(const at::Tensor& sigma);  // c_noise = ln(sigma) / 4

// D made of F; without gradients, and with them.
Denoiser preconditioned(RawNetwork network, double sigma_data);
TensorDenoiser preconditioned_tensor(RawNetwork network, double sigma_data);

}  // namespace skipcast::samplers
