// Solvers that draw noise on the way: of the reverse SDE, and of the ODE with noise added between
// its steps. They contract an error of the start and restore spread (METHODS section 2) where the
// ODE keeps both. The same contract as samplers/solvers/solvers.h. Pure functions of the noise they
// are given: counter-based noise makes their bits independent of batches and threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>

#include "samplers/precondition.h"

namespace skipcast::samplers {

// The n-th draw, n = 1, 2, ..: standard normal values shaped like x and of its dtype, members
// first. A solver asks for n ascending, and for the same n whatever the members.
using StepNoise = std::function<at::Tensor(int64_t draw)>;

struct Noising {
  StepNoise draw;                // may be empty when no noise is drawn
  std::optional<double> amount;  // eta, S_churn, tau or repeats; none: the solver's default
  std::optional<double> scale;   // S_noise, the draws' standard deviation; none: the default
  // Churn lifts no state above this level: the highest that the network was trained for.
  double sigma_max = std::numeric_limits<double>::infinity();
  MomentDenoiser moments;  // of gms alone; the same denoiser as the solver's
};

// DDIM, Song et al. 2021, eq. 12 and 16 (METHODS 4.2), in EDM coordinates: eta = amount in [0, 1]
// mixes Euler's method (0) and ancestral sampling (1, default). 1 NFE a step.
at::Tensor ddim(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                const Noising& noising);

// Churn, Karras et al. 2022, algorithm 2 (METHODS 4.1): before each of the N steps the state is
// lifted from sigma to sigma (1 + gamma), gamma = min(S_churn / N, sqrt 2 - 1), where sigma lies in
// [low, high]; then one step of a one-step solver. S_churn = amount.
using OdeSolver = at::Tensor (*)(const Denoiser&, at::Tensor, std::span<const double>);
struct Churn {
  OdeSolver step;                // any one-step solver
  double low = 0.05, high = 50;  // S_tmin, S_tmax
};
at::Tensor churned(const Churn& churn, const Denoiser& denoise, at::Tensor x,
                   std::span<const double> sigmas, const Noising& noising);
// Heun within [0.05, 50] (EDM's settings for ImageNet), default S_churn 2.5, S_noise 1.003.
at::Tensor heun_churn(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                      const Noising& noising);
// DPM-Solver++(2S), GenCast's settings: sigma >= 0.75, default S_churn 2.5, S_noise 1.05.
at::Tensor dpmpp_2s_churn(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                          const Noising& noising);

// SDE-DPM-Solver++(2M), Lu et al. 2022, section 5 (METHODS 4.3, "midpoint"): eta = amount in
// [0, 1]; 0 is DPM-Solver++(2M), 1 (default) the reverse SDE. 1 NFE a step.
at::Tensor dpmpp_2m_sde(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                        const Noising& noising);

// SA-Solver, Xue et al. 2023 (METHODS 4.5): stochastic Adams predictor and corrector, which share
// the evaluation and the draw. tau where sigma lies in [low, high], else 0 (the ODE). 1 NFE a step.
struct SaOptions {
  int predictor = 2, corrector = 2;  // estimates used by each, 1..4; else c10::Error
  double low = 0.1, high = 10;
  // Of second-order steps, the integral's leading term in place of the integral, as in the released
  // code: the same order, worse on steps as long as ours.
  bool leading_term = false;
};
at::Tensor sa_solver(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                     const Noising& noising, const SaOptions& options);
// tau = amount, default 1.
at::Tensor sa_2(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                const Noising& noising);
at::Tensor sa_3(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                const Noising& noising);

// Restart, Xu et al. 2023, algorithm 1 (METHODS 4.6): whenever the chain has come down to a level,
// it is `repeats` times noised up to `sigma_high` and solved down again in `steps` steps.
struct RestartInterval {
  int64_t steps = 1;
  int64_t repeats = 1;
  double sigma_low = 0, sigma_high = 0;  // low: moved to the nearest level of the list
};
struct Restarts {
  OdeSolver solve;  // any solver; its history begins anew after every restart
  std::span<const RestartInterval> intervals;
};
at::Tensor restarted(const Restarts& restarts, const Denoiser& denoise, at::Tensor x,
                     std::span<const double> sigmas, const Noising& noising);
// One interval, the list's first step: what an entry from an analog needs repaired most. Repeats =
// amount, default 1, each at the cost of one step. A list of one step to 0 is not restarted.
at::Tensor restart_heun(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                        const Noising& noising);
at::Tensor restart_2m(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                      const Noising& noising);

// Gaussian mixture solver, Guo et al. 2023 (METHODS 4.7): the next state is drawn from two normal
// laws with its first three moments, which the moments of y given x determine; elements are drawn
// independently. eta = amount in [0, 1]: 0 is Euler's method and needs no moments; 1 (default) has
// the exact moments of ancestral sampling, in steps of any length. The step to 0, where y itself
// would have to be drawn, returns the mean: white noise would stay in the forecast. Two draws and
// 1 NFE a step. Throws c10::Error without noising.moments.
at::Tensor gms(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
               const Noising& noising);

// Multistep consistency sampling, Song et al. 2023, algorithm 1: every evaluation is taken for the
// sample, and noised to the next level for the next one. For networks whose one evaluation is a
// sample (engine/models/network_copy.h), not a mean. One draw a step but the last, 1 NFE a step.
at::Tensor finish(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                  const Noising& noising);

// The two laws about their common mean, elementwise: means of the one of weight 1/3 and of the one
// of weight 2/3, and the variance of either. They have the asked variance > 0, and the third
// central moment where |third| <= 0.60 variance^1.5; beyond, the most that leaves each law a tenth
// of the variance.
struct TwoNormals {
  at::Tensor first, second, variance;
};
TwoNormals fit_two_normals(const at::Tensor& variance, const at::Tensor& third);

}  // namespace skipcast::samplers
