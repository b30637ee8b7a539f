// The table of solvers, and what a list of sigmas costs with each.
#include "samplers/solvers/solvers.h"

#include <c10/util/Exception.h>

#include <array>
#include <utility>

namespace skipcast::samplers {
namespace {

// A solver of the ODE as the table has it.
template <OdeSolver solve>
at::Tensor quiet(const Denoiser& denoise, at::Tensor x, std::span<const double> sigmas,
                 const Noising&) {
  return solve(denoise, std::move(x), sigmas);
}

constexpr std::string_view kRepeats = "repeats";

constexpr std::array<NamedSolver, 16> kSolvers = {{
    {"euler", quiet<euler>, 1, "", 0, 0},
    {"heun", quiet<heun>, 2, "", 0, 0},
    {"dpmpp_2m", quiet<dpmpp_2m>, 1, "", 0, 0},
    {"dpmpp_3m", quiet<dpmpp_3m>, 1, "", 0, 0},
    {"dpmpp_2s", quiet<dpmpp_2s>, 2, "", 0, 0},
    {"unipc_2", quiet<unipc_2>, 1, "", 0, 0},
    {"unipc_3", quiet<unipc_3>, 1, "", 0, 0},
    {"ddim", ddim, 1, "eta", 1, 1},
    {"heun_churn", heun_churn, 2, "S_churn", 2.5, 1e6, 1.003},
    {"dpmpp_2s_churn", dpmpp_2s_churn, 2, "S_churn", 2.5, 1e6, 1.05},
    {"dpmpp_2m_sde", dpmpp_2m_sde, 1, "eta", 1, 1},
    {"sa_2", sa_2, 1, "tau", 1, 4},
    {"sa_3", sa_3, 1, "tau", 1, 4},
    {"restart_heun", restart_heun, 2, kRepeats, 1, 100},
    {"restart_2m", restart_2m, 1, kRepeats, 1, 100},
    {"gms", gms, 1, "eta", 1, 1, 1, true},
}};

constexpr NamedSolver kOneStep = {"finisher", finish, 1, "", 0, 0, 1, false, true};

}  // namespace

void check_sigmas(std::span<const double> sigmas) {
  for (size_t i = 0; i < sigmas.size(); ++i) {
    const bool last = i + 1 == sigmas.size();
    TORCH_CHECK(sigmas[i] > 0 || (last && sigmas[i] == 0), "sigma ", i, " is ", sigmas[i],
                ": levels must be positive, only the last may be 0");
    TORCH_CHECK(last || sigmas[i + 1] < sigmas[i], "sigma ", i + 1, " is not below sigma ", i);
  }
}

std::optional<NamedSolver> find_solver(std::string_view name) {
  for (const NamedSolver& solver : kSolvers) {
    if (solver.name == name) return solver;
  }
  return name == kOneStep.name ? std::optional(kOneStep) : std::nullopt;
}

std::span<const NamedSolver> solvers() { return kSolvers; }

int64_t evaluations(const NamedSolver& solver, std::span<const double> sigmas,
                    const Noising& noising) {
  if (sigmas.size() < 2) return 0;
  const auto steps = static_cast<int64_t>(sigmas.size()) - 1;
  const bool to_zero = sigmas.back() == 0;
  const bool restarts = solver.amount == kRepeats && sigmas[1] > 0;
  const auto repeats =
      restarts ? static_cast<int64_t>(noising.amount.value_or(solver.amount_default)) : 0;
  return (steps + repeats) * solver.evaluations_per_step -
         (to_zero ? solver.evaluations_per_step - 1 : 0);
}

}  // namespace skipcast::samplers
