#include "engine/forecast/denoiser_stack.h"

#include <array>
#include <utility>

#include "engine/forecast/analog_guidance.h"

namespace skipcast::engine {
namespace {

constexpr std::array kWrappers = {analog_guidance};

}  // namespace

std::vector<DenoiserWrapper> wrappers_for(const ForecastOptions& options) {
  std::vector<DenoiserWrapper> wanted;
  for (const auto make : kWrappers) {
    const DenoiserWrapper wrapper = make();
    if (wrapper.wanted(options)) wanted.push_back(wrapper);
  }
  return wanted;
}

std::vector<ForecastOptions> searches_of_stack(const ForecastOptions& options) {
  std::vector<ForecastOptions> searches;
  for (const DenoiserWrapper& wrapper : wrappers_for(options)) {
    if (auto search = wrapper.search(options)) searches.push_back(std::move(*search));
  }
  return searches;
}

Status check_stack(const samplers::NamedSolver& solver, const ForecastOptions& options) {
  for (const auto make : kWrappers) SKIPCAST_TRY_OK(make().check(solver, options));
  return {};
}

Result<samplers::Denoiser> stacked(samplers::Denoiser base, const StackScene& scene) {
  samplers::Denoiser denoise = std::move(base);
  for (const DenoiserWrapper& wrapper : wrappers_for(scene.options)) {
    SKIPCAST_TRY(denoise, wrapper.wrap(std::move(denoise), scene));
  }
  return denoise;
}

}  // namespace skipcast::engine
