#include "samplers/precondition.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>

#include <cmath>
#include <utility>

namespace skipcast::samplers {

Scalings edm_scalings(double sigma, double sigma_data) {
  const double total = sigma * sigma + sigma_data * sigma_data;
  return {.c_skip = sigma_data * sigma_data / total,
          .c_out = sigma * sigma_data / std::sqrt(total),
          .c_in = 1 / std::sqrt(total),
          .c_noise = std::log(sigma) / 4};
}

at::Tensor Scalings::input(const at::Tensor& x) const { return (x * c_in).to(at::kFloat); }

at::Tensor Scalings::level(const at::Tensor& x) const {
  return at::full({1}, c_noise, x.options().dtype(at::kFloat));
}

at::Tensor Scalings::denoised(const at::Tensor& x, const at::Tensor& f) const {
  return x * c_skip + f.to(x.scalar_type()) * c_out;
}

TensorScalings::TensorScalings(at::Tensor sigma, double sigma_data)
    : sigma_(std::move(sigma)),
      total_((sigma_.square() + sigma_data * sigma_data).sqrt()),
      data_(sigma_data) {}

at::Tensor TensorScalings::input(const at::Tensor& x) const { return x / total_; }

at::Tensor TensorScalings::denoised(const at::Tensor& x, const at::Tensor& f) const {
  return x * (data_ * data_ / total_.square()) + f * (sigma_ * data_ / total_);
}

at::Tensor TensorScalings::wanted(const at::Tensor& y, const at::Tensor& x) const {
  return (y - x * (data_ * data_) / total_.square()) * total_ / (sigma_ * data_);
}

at::Tensor edm_level(const at::Tensor& sigma) { return sigma.log() / 4; }

Denoiser preconditioned(RawNetwork network, double sigma_data) {
  return [network = std::move(network), sigma_data](const at::Tensor& x, double sigma) {
    const at::NoGradGuard no_grad;
    const Scalings scalings = edm_scalings(sigma, sigma_data);
    const at::Tensor input = scalings.input(x);
    return scalings.denoised(x, network(input, scalings.level(input)));
  };
}

TensorDenoiser preconditioned_tensor(RawNetwork network, double sigma_data) {
  return [network = std::move(network), sigma_data](const at::Tensor& x, const at::Tensor& sigma) {
    const TensorScalings scalings(sigma, sigma_data);
    const at::Tensor c_noise = edm_level(sigma).to(at::kFloat).view({1});
    return scalings.denoised(x, network(scalings.input(x).to(at::kFloat), c_noise));
  };
}

}  // namespace skipcast::samplers
