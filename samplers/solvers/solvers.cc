// The table of solvers, and what a list of sigmas costs with each.
#include "samplers/solvers/solvers.h"

#include <c10/util/Exception.h>

namespace skipcast::samplers {

// In the order in which help lists them.
extern const NamedSolver kEuler, kHeun, kDpmpp2m, kDpmpp3m, kDpmpp2s, kUnipc2, kUnipc3, kDdim,
    kHeunChurn, kDpmpp2sChurn, kDpmpp2mSde, kSa2, kSa3, kRestartHeun, kRestart2m, kGms, kOneStep;

namespace {

constexpr const NamedSolver* kSolvers[] = {
    &kEuler,  &kHeun,        &kDpmpp2m,   &kDpmpp3m,      &kDpmpp2s,    &kUnipc2,
    &kUnipc3, &kDdim,        &kHeunChurn, &kDpmpp2sChurn, &kDpmpp2mSde, &kSa2,
    &kSa3,    &kRestartHeun, &kRestart2m, &kGms,          &kOneStep};

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
  if (name.empty()) return std::nullopt;
  for (const NamedSolver* solver : kSolvers) {
    if (solver->name == name || solver->alias == name) return *solver;
  }
  return std::nullopt;
}

const std::vector<NamedSolver>& solvers() {
  static const std::vector<NamedSolver> all = [] {
    std::vector<NamedSolver> listed;
    for (const NamedSolver* solver : kSolvers) {
      if (!solver->needs_one_step) listed.push_back(*solver);
    }
    return listed;
  }();
  return all;
}

std::string solver_name(std::string_view word) {
  const std::optional<NamedSolver> solver = find_solver(word);
  return std::string(solver ? solver->name : word);
}

int64_t evaluations(const NamedSolver& solver, std::span<const double> sigmas,
                    const Noising& noising) {
  if (sigmas.size() < 2) return 0;
  const auto steps = static_cast<int64_t>(sigmas.size()) - 1;
  const bool to_zero = sigmas.back() == 0;
  const bool restarts = solver.repeats_first_step && sigmas[1] > 0;
  const auto repeats =
      restarts ? static_cast<int64_t>(noising.amount.value_or(solver.amount_default)) : 0;
  return (steps + repeats) * solver.evaluations_per_step -
         (to_zero ? solver.evaluations_per_step - 1 : 0);
}

}  // namespace skipcast::samplers
