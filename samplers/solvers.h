// Deterministic solvers of the probability-flow ODE on an explicit sigma list.
//
// solve(denoise, x, sigmas): x = state at sigmas[0], [members, ...]; returns the state at the last
// sigma (0 in practice). No state outlives a call, so entering mid-chain needs no care: history is
// empty at the first step. Works in the dtype of x (float32 in use, float64 in parity tests).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "samplers/precondition.h"

namespace skipcast::samplers {

// Throws c10::Error unless sigmas descend strictly and only the last may be 0. Every solver calls
// it; lists of 0 or 1 levels are fine and cost nothing.
void check_sigmas(std::span<const double> sigmas);

// Euler on sigma (DDIM with eta = 0): 1 NFE a step.
at::Tensor euler(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas);
// Karras et al. 2022, algorithm 1 without churn: 2 NFE a step, 1 on the step to 0.
at::Tensor heun(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas);
// DPM-Solver++(2M), Lu et al. 2022, METHODS 4.3 in EDM coordinates: 1 NFE a step; first order on
// the first executed step and on the step to 0.
at::Tensor dpmpp_2m(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas);

using Solver = at::Tensor (*)(const Denoiser&, at::Tensor, std::span<const double>);

struct NamedSolver {
  std::string_view name;   // "euler", "heun", "dpmpp_2m"
  Solver solve;
  int64_t evaluations_per_step;       // on steps that do not end at 0
};
// nullopt when there is no such solver; solvers() lists them.
std::optional<NamedSolver> find_solver(std::string_view name);
std::span<const NamedSolver> solvers();

// NFE a member of running `solver` on `sigmas` (METHODS 4.1: Heun 2N-1).
int64_t evaluations(const NamedSolver& solver, std::span<const double> sigmas);

}  // namespace skipcast::samplers
