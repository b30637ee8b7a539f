// What is put around a chain's denoiser, one wrapper upon the other: today guidance by analogs. A
// wrapper is a file of its own and a line of the table in denoiser_stack.cc. Internal to engine.
// Pure functions, thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/forecast/query.h"
#include "engine/settings/forecast_options.h"
#include "samplers/solvers/solvers.h"

namespace skipcast::engine {

// One forecast, as wrappers see it.
struct StackScene {
  const Model& model;
  const Query& query;
  const ForecastOptions& options;
  // The futures of the analogs that these options find, one a member, moved to the query as their
  // start says: [K, T_out, V, P], normalised.
  std::function<Result<at::Tensor>(const ForecastOptions& search)> moved_futures;
};

struct DenoiserWrapper {
  // Why a chain of this solver cannot have it with these options; ok where it is not wanted.
  Status (*check)(const samplers::NamedSolver& solver, const ForecastOptions& options);
  bool (*wanted)(const ForecastOptions& options);
  // How it finds analogs; none: it needs none.
  std::optional<ForecastOptions> (*search)(const ForecastOptions& options);
  Result<samplers::Denoiser> (*wrap)(samplers::Denoiser inner, const StackScene& scene);
  // What users should know of it.
  std::string (*remark)(const ForecastOptions& options);
};

// Innermost first: those that these options want.
std::vector<DenoiserWrapper> wrappers_for(const ForecastOptions& options);
// Of those, the searches that need an index.
std::vector<ForecastOptions> searches_of_stack(const ForecastOptions& options);
// All of the table: can a chain of this solver have what the options want?
Status check_stack(const samplers::NamedSolver& solver, const ForecastOptions& options);

// `base` with all that the options want around it. Errors as scene.moved_futures'.
Result<samplers::Denoiser> stacked(samplers::Denoiser base, const StackScene& scene);

}  // namespace skipcast::engine
