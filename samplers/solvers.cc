// The table of solvers, and what a list of sigmas costs with each.
#include "samplers/solvers.h"

#include <array>

#include <c10/util/Exception.h>

namespace skipcast::samplers {
namespace {
constexpr std::array<NamedSolver, 7> kSolvers = {{
    {"euler", euler, 1},
    {"heun", heun, 2},
    {"dpmpp_2m", dpmpp_2m, 1},
    {"dpmpp_3m", dpmpp_3m, 1},
    {"dpmpp_2s", dpmpp_2s, 2},
    {"unipc_2", unipc_2, 1},
    {"unipc_3", unipc_3, 1},
}};
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
  return std::nullopt;
}

std::span<const NamedSolver> solvers() { return kSolvers; }

int64_t evaluations(const NamedSolver& solver, std::span<const double> sigmas) {
  if (sigmas.size() < 2) return 0;
  const auto steps = static_cast<int64_t>(sigmas.size()) - 1;
  const bool to_zero = sigmas.back() == 0;
  return steps * solver.evaluations_per_step - (to_zero ? solver.evaluations_per_step - 1 : 0);
}

}  // namespace skipcast::samplers
