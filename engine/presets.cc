#include "engine/presets.h"

#include <fmt/format.h>

#include <array>

namespace skipcast::engine {
namespace {

constexpr std::array<Preset, 4> kPresets = {{
    {"edm-35", "Heun, 18 levels, rho 7 (Karras et al. 2022)", "heun", 18},
    {"gencast-39", "DPM-Solver++(2S), 20 levels, S_churn 2.5 from sigma 0.75, S_noise 1.05 (Price "
                   "et al. 2023)", "dpmpp_2s_churn", 20},
    {"dpm++-10", "DPM-Solver++(2M), 10 levels (Lu et al. 2022)", "dpmpp_2m", 10},
    {"unipc-8", "UniPC of order 2, B2, 8 levels (Zhao et al. 2023)", "unipc_2", 8},
}};

}  // namespace

std::span<const Preset> presets() { return kPresets; }

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

}  // namespace skipcast::engine
