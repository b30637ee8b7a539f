#include "engine/networks/denoisers.h"

#include <utility>

#include "engine/networks/attachments.h"
#include "engine/networks/moment_heads.h"

namespace skipcast::engine {

samplers::Denoiser make_denoiser(std::shared_ptr<const NetworkRunner> runner,
                                 std::vector<at::Tensor> conditioning, double sigma_data) {
  return samplers::preconditioned(
      [runner = std::move(runner), conditioning = std::move(conditioning)](
          const at::Tensor& input, const at::Tensor& c_noise) {
        return runner->denoise(input, c_noise, conditioning);
      },
      sigma_data);
}

samplers::MomentDenoiser make_moment_denoiser(std::shared_ptr<const NetworkRunner> runner,
                                              std::vector<at::Tensor> conditioning,
                                              double sigma_data) {
  return [runner = std::move(runner), conditioning = std::move(conditioning), sigma_data](
             const at::Tensor& x, double sigma) -> samplers::Moments {
    const at::NoGradGuard no_grad;
    const samplers::Scalings scalings = samplers::edm_scalings(sigma, sigma_data);
    const at::Tensor input = scalings.input(x);
    const Network::Outputs raw =
        runner->denoise_with(kMomentHeads, input, scalings.level(input), conditioning);
    const ResidualMoments r = residual_moments(raw.read.to(x.scalar_type()));
    const at::Tensor second = r.variance * (scalings.c_out * scalings.c_out);
    return {scalings.denoised(x, raw.f), second, second * second.sqrt() * r.skewness};
  };
}

samplers::TensorDenoiser make_tensor_denoiser(std::shared_ptr<Network> network,
                                              std::vector<at::Tensor> conditioning,
                                              double sigma_data) {
  return samplers::preconditioned_tensor(
      [network = std::move(network), conditioning = std::move(conditioning)](
          const at::Tensor& input, const at::Tensor& c_noise) {
        return network->denoise(input, c_noise, conditioning);
      },
      sigma_data);
}

at::Tensor denoised(Network& network, const at::Tensor& x, const at::Tensor& sigma,
                    const std::vector<at::Tensor>& conditioning, double sigma_data) {
  const samplers::TensorScalings scalings(sigma.view({-1, 1, 1, 1}), sigma_data);
  return scalings.denoised(
      x, network.denoise(scalings.input(x), samplers::edm_level(sigma), conditioning));
}

}  // namespace skipcast::engine
