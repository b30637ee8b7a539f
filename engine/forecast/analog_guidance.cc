#include "engine/forecast/analog_guidance.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "samplers/guidance.h"

namespace skipcast::engine {
namespace {

bool wanted(const ForecastOptions& options) { return options.guidance > 0; }

Status check(const samplers::NamedSolver& solver, const ForecastOptions& options) {
  if (options.guidance == 0) return {};
  if (options.steps == 0) {
    return usage("without a chain there is nothing to guide: leave --guidance out");
  }
  if (solver.needs_moments || solver.needs_one_step) {
    return usage(fmt::format(
        "the guidance moves the denoiser of a chain; {} has none that it could move", solver.name));
  }
  return {};
}

std::optional<ForecastOptions> search(const ForecastOptions& options) {
  ForecastOptions guides = options;
  guides.start.kind = options.mismatched_retrieval ? StartKind::kMismatched : StartKind::kAnalog;
  guides.start.pool = 0;
  guides.start.temperature.reset();
  guides.members = kGuides;
  return guides;
}

Result<samplers::Denoiser> wrap(samplers::Denoiser inner, const StackScene& scene) {
  const ForecastOptions& options = scene.options;
  SKIPCAST_TRY(const at::Tensor futures, scene.moved_futures(*search(options)));
  return samplers::guided(std::move(inner), scene.model.to_target(futures, scene.query.last),
                          options.guidance_bandwidth, options.guidance);
}

std::string remark(const ForecastOptions& options) {
  return fmt::format("guided towards the futures of {} {} with weight {:g}, bandwidth {:g}",
                     kGuides,
                     options.mismatched_retrieval ? "analogs of another situation" : "analogs",
                     options.guidance, options.guidance_bandwidth);
}

}  // namespace

DenoiserWrapper analog_guidance() { return {check, wanted, search, wrap, remark}; }

}  // namespace skipcast::engine
