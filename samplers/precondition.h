// EDM preconditioning (Karras et al. 2022, table 1): from a raw network F to a denoiser D.
// D(x; sigma) = c_skip x + c_out F(c_in x, c_noise). Pure functions, thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace skipcast::samplers {

// A denoiser conditioned on one query's context: E[y | x = y + sigma*eps]. x is
// [members, ...] float32; returns the same shape. One call = one NFE a member.
using Denoiser = std::function<at::Tensor(const at::Tensor& x, double sigma)>;

// What a network with moment heads knows of y given x, element by element: E[y | x] as above, and
// the second and third moments about it, shaped like x. One call = one NFE a member.
struct Moments {
  at::Tensor mean, second, third;
};
using MomentDenoiser = std::function<Moments(const at::Tensor& x, double sigma)>;

struct Scalings {
  double c_skip, c_out, c_in, c_noise;
};
Scalings edm_scalings(double sigma, double sigma_data);

}  // namespace skipcast::samplers
