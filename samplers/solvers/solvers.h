// Solvers of the reverse diffusion on an explicit sigma list, and the table of those with a name.
//
// solve(denoise, x, sigmas): x = state at sigmas[0], [members, ...]; returns the state at the last
// sigma (0 in practice). No state outlives a call, so entering mid-chain needs no care: history is
// empty at the first step. Works in the dtype of x (float32 in use, float64 in parity tests), in
// units of the state that `denoise` takes. Pure functions, thread-safe where `denoise` is.
// Here: those of the probability-flow ODE; stochastic_solvers.h has those that draw noise.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "samplers/precondition.h"
#include "samplers/solvers/stochastic_solvers.h"

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
// DPM-Solver++(3M): third order from the third executed step on, first on the step to 0; 1 NFE a
// step.
at::Tensor dpmpp_3m(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas);
// DPM-Solver++(2S), METHODS 4.3 (GenCast's solver without its churn): 2 NFE a step, 1 on the step
// to 0. The middle of a step is the geometric mean of its ends.
at::Tensor dpmpp_2s(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas);
// The same with middles given: start, middle, start, middle, .., end; no level is 0. Throws
// c10::Error when their number is even.
at::Tensor dpmpp_2s_through(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas);

enum class UnipcVariant { kBh1, kBh2 };  // B(h) = h, e^h - 1
struct UnipcOptions {
  int order = 2;  // 1, 2 or 3; else c10::Error
  UnipcVariant variant = UnipcVariant::kBh2;
};
// UniPC, Zhao et al. 2023, METHODS 4.4: predictor and corrector share evaluations, 1 NFE a step;
// lower orders at both ends of the list, no corrector on the first executed step.
at::Tensor unipc(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                 const UnipcOptions& options);
at::Tensor unipc_2(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas);
at::Tensor unipc_3(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas);

// A solver as the table has it: those of the ODE take no notice of the noise.
using Solver = at::Tensor (*)(const Denoiser&, at::Tensor, std::span<const double>, const Noising&);
template <OdeSolver solve>
at::Tensor ode(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
               const Noising&) {
  return solve(denoise, std::move(x), sigmas);
}

// A solver with a name: defined in its own file, listed by one line of solvers.cc.
struct NamedSolver {
  std::string_view name;        // "euler", "dpmpp_2m", ...
  std::string_view alias = "";  // its name in earlier versions; "" when it had none
  Solver solve;
  int64_t evaluations_per_step = 1;  // on steps that do not end at 0
  // What Noising::amount means to it and is by default; "" for the solvers of the ODE.
  std::string_view amount = "";  // "eta", "S_churn", "tau", "repeats"
  double amount_default = 0, amount_max = 0;
  double scale_default = 1;         // of Noising::scale
  bool repeats_first_step = false;  // so many times as the amount says
  bool needs_moments = false;       // of Noising::moments
  bool needs_one_step = false;      // a network whose one evaluation is a sample
};
// nullopt when no solver has this name or alias. solvers() lists those of a diffusion's denoiser:
// all but "one-step", which is finish().
std::optional<NamedSolver> find_solver(std::string_view name);
const std::vector<NamedSolver>& solvers();
// Today's name of a solver; a word that names none as it is.
std::string solver_name(std::string_view word);

// NFE a member of running `solver` on `sigmas` (METHODS 4.1: Heun 2N-1; 4.6: restarts).
int64_t evaluations(const NamedSolver& solver, std::span<const double> sigmas,
                    const Noising& noising = {});

}  // namespace skipcast::samplers
