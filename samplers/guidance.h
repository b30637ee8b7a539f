// Guidance by what happened after similar situations: the chain's denoiser is moved towards the one
// of a kernel density over retrieved futures. Needs no training. Pure functions, thread-safe.
//
// With D and K the two denoisers, (1 - w) D + w K has the score of p_D^(1-w) p_K^w at every noise
// level, for a score is (D(x) - x) / sigma^2: the forecast's density, tilted towards the analogs'.
#pragma once

#include <ATen/core/Tensor.h>

#include "samplers/precondition.h"

namespace skipcast::samplers {

// K(x; sigma) = E[y | x = y + sigma eps] where y has, at every place by itself, the density
// mean_k N(futures_k, bandwidth^2). A Gaussian mixture's posterior mean in closed form:
// (bandwidth^2 x + sigma^2 sum_k p_k futures_k) / (bandwidth^2 + sigma^2), p_k proportional to
// exp(-|x - futures_k|^2 / (2 (bandwidth^2 + sigma^2))) over the lead times and variables of the
// place. x [M, T, V, P], futures [K, T, V, P] alike in units and device; returns x's shape. A
// member's bits do not depend on the other members. REQUIRES bandwidth > 0, K >= 1.
at::Tensor kernel_mean(const at::Tensor& x, double sigma, const at::Tensor& futures,
                       double bandwidth);

// (1 - weight) D + weight K; as many evaluations as `denoise`. REQUIRES 0 <= weight <= 1.
Denoiser guided(Denoiser denoise, at::Tensor futures, double bandwidth, double weight);

}  // namespace skipcast::samplers
