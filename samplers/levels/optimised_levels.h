// Sigma lists found for a network, a start and a number of evaluations, in place of a spacing that
// is right for all: by an error bound (analytic), or by gradients through the solver (learned).
// Functions of their arguments alone, thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "samplers/precondition.h"

namespace skipcast::samplers {

// Root mean square error of the denoised estimate at a sigma, any units.
using ErrorCurve = std::function<double(double sigma)>;

// `steps` levels, the first of them `entry`, that minimise the bound sum_i |w_i| error(sigma_i) on
// what the network's errors do to the state that DPM-Solver++(2M) reaches at sigma_min, where w_i
// is the weight of evaluation i in that state (Xue et al., CVPR 2024, "Accelerating Diffusion
// Sampling with Optimized Time Steps", with a measured error curve in place of a power of sigma).
// Coordinate descent on log sigma from three spacings: deterministic. Strictly descending, without
// the 0 at the end.
// REQUIRES steps >= 1, 0 < sigma_min < entry, a positive curve.
std::vector<double> analytic_levels(int64_t steps, double entry, double sigma_min,
                                    const ErrorCurve& error);

// dpmpp_2m() on the levels exp(log_sigmas) [steps], then 0, differentiable in log_sigmas and x.
at::Tensor dpmpp_2m_tensor(const TensorDenoiser& denoise, at::Tensor x,
                           const at::Tensor& log_sigmas);

// Where a chain is entered, and what a teacher of many evaluations makes of it.
struct TeacherPair {
  TensorDenoiser denoise;  // of one query
  at::Tensor entry;        // [members, ...], noise and all
  at::Tensor end;          // [members, ...]
};

struct LearnOptions {
  int64_t rounds = 12;         // over all pairs
  double learning_rate = 0.1;  // of Adam on the logits of the levels' gaps in log sigma
  // Each entry may be moved by so much of its noise, root mean square, to meet the teacher: the
  // soft teacher of LD3. Few steps cannot reach the teacher's very end, only one that is as likely.
  double radius = 0.1;
};

// The levels below initial[0] moved so that dpmpp_2m ends near the teacher (LD3: Tong et al. 2024,
// arXiv 2405.15506): gradients of the mean squared distance through all steps of the solver.
// Returns the levels of the round with the least distance, initial's included; never worse than
// initial on the pairs. Same arguments, same result on one type of CPU and number of threads.
// REQUIRES pairs, and initial strictly descending to no less than sigma_min.
std::vector<double> learned_levels(const std::vector<double>& initial, double sigma_min,
                                   std::span<const TeacherPair> pairs,
                                   const LearnOptions& options = {});

}  // namespace skipcast::samplers
