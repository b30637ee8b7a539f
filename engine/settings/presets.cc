#include "engine/settings/presets.h"

#include <fmt/format.h>

#include <array>

#include "samplers/solvers/solvers.h"

namespace skipcast::engine {
namespace {

struct Preset {
  std::string_view name, solver;
  int64_t steps;
};

constexpr std::array<Preset, 4> kPresets = {{
    {"edm-35", "heun", 18},                // Karras et al. 2022, rho 7
    {"gencast-39", "dpmpp_2s_churn", 20},  // Price et al. 2023; churn and S_noise: the solver's own
    {"dpm++-10", "dpmpp_2m", 10},          // Lu et al. 2022
    {"unipc-8", "unipc_2", 8},             // Zhao et al. 2023, B2
}};

}  // namespace

std::string solver_names() {
  std::string names;
  for (const samplers::NamedSolver& solver : samplers::solvers()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", solver.name);
  }
  return names + ", one-step";
}

std::string preset_names() {
  std::string names;
  for (const Preset& preset : kPresets) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", preset.name);
  }
  return names;
}

Result<ForecastOptions> preset_options(std::string_view name, const ForecastOptions& base) {
  for (const Preset& preset : kPresets) {
    if (preset.name != name) continue;
    ForecastOptions options = base;
    options.start = {.kind = StartKind::kCold};
    options.depth = {};
    options.steps = preset.steps;
    options.solver = preset.solver;
    options.noise_amount.reset();
    options.noise_scale.reset();
    options.spacing = samplers::Spacing::kKarras;
    options.rho = 7;
    return options;
  }
  return usage(fmt::format("no preset is called '{}'; there are {}", name, preset_names()));
}

std::vector<Setting> untuned_settings() {
  const Result<ForecastOptions> reference = preset_options(kPresets.front().name, {});
  SKIPCAST_CHECK(reference.ok());
  return {Setting(), *reference};
}

}  // namespace skipcast::engine
