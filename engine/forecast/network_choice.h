// Which network makes a forecast's members, and what it is told of similar situations. Internal to
// engine. Pure functions, thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/forecast/analog_search.h"
#include "engine/forecast/reverse_chain.h"

namespace skipcast::engine {

// The copy of the model that this setting runs; none: the model itself, or no network at all.
std::optional<Role> role_of(const Setting& setting);

struct NetworkChoice {
  std::optional<Role> role;  // none: the model itself
  double weight = 0;         // of what was retrieved; 0: nothing is
};

// kNotFound, kRefused, kDataLoss as the copy's file (engine/models/network_copy.h); kRefused when a
// one-step model is asked for more evaluations, or a copy for retrieved futures, than it was
// trained for.
Result<NetworkChoice> choose_network(const Model& model, const Chain& chain,
                                     const ForecastOptions& options);

// How the windows are found that a copy is told of: its key and number, under the options' guard.
ForecastOptions lookup_options(const RoleInfo& info, const ForecastOptions& options);

// How the analogs are found that guide a chain; options.guidance > 0.
inline constexpr int64_t kGuides = 32;
ForecastOptions guide_options(const ForecastOptions& options);

// True when the start, what the copy is told of, or the guidance needs the query's mean forecast
// (one shared evaluation).
bool needs_mean(const Model& model, const NetworkChoice& told, const ForecastOptions& options);

// The denoiser of told.role for this query. REQUIRES analogs where told.weight > 0.
samplers::Denoiser denoiser_for(const Dataset& dataset, const Model& model, const Query& query,
                                const NetworkChoice& told,
                                const std::vector<retrieval::Neighbour>& analogs);

// "finisher, told of 8 futures (forecast key) with weight 1".
std::string describe(const Model& model, const NetworkChoice& told, const ForecastOptions& options);

// What users should know of how it was computed and entered; often nothing.
std::vector<std::string> remarks(const Model& model, const Chain& chain,
                                 const ForecastOptions& options);

}  // namespace skipcast::engine
