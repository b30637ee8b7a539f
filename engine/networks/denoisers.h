// Denoisers made of raw networks: the EDM preconditioning (samplers/precondition.h) around F, in
// the forms that chains, solvers and training want. Internal to engine. Those of a NetworkRunner
// share its ownership and are thread-safe while the network does not change.
#pragma once

#include <memory>
#include <vector>

#include "engine/networks/network_runner.h"
#include "samplers/precondition.h"

namespace skipcast::engine {

// D(x; sigma), without gradients; conditioning rows as Network::denoise() wants them.
samplers::Denoiser make_denoiser(std::shared_ptr<const NetworkRunner> runner,
                                 std::vector<at::Tensor> conditioning, double sigma_data);

// The same with the moments about it, of a network with moment heads.
samplers::MomentDenoiser make_moment_denoiser(std::shared_ptr<const NetworkRunner> runner,
                                              std::vector<at::Tensor> conditioning,
                                              double sigma_data);

// The same for autograd to follow, in float32.
samplers::TensorDenoiser make_tensor_denoiser(std::shared_ptr<Network> network,
                                              std::vector<at::Tensor> conditioning,
                                              double sigma_data);

// D of rows that each have a noise level, sigma [rows]; autograd follows the network.
at::Tensor denoised(Network& network, const at::Tensor& x, const at::Tensor& sigma,
                    const std::vector<at::Tensor>& conditioning, double sigma_data);

}  // namespace skipcast::engine
