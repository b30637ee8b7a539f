// Which network makes a forecast's members, and what it is conditioned on. Internal to engine.
// Pure functions, thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/forecast/analog_search.h"
#include "engine/forecast/reverse_chain.h"

namespace skipcast::engine {

struct NetworkChoice {
  std::shared_ptr<const ModelCopy> copy;  // null: the model itself, or no network at all
  double weight = 0;                      // of what was retrieved; 0: nothing is
};

// The copy that these options run, if any. kNotFound, kRefused, kDataLoss as the copy's file
// (engine/models/network_copy.h); kRefused when it is asked for more evaluations, or for retrieved
// futures, than it was trained for.
Result<NetworkChoice> choose_network(const Model& model, const Chain& chain,
                                     const ForecastOptions& options);

// How the windows are found whose futures condition a copy: its key and number, under the options'
// guard.
ForecastOptions lookup_options(const CopyInfo& info, const ForecastOptions& options);

// True when the start, the copy's lookup, or what is around its denoiser (denoiser_stack.h) needs
// the query's mean forecast (one shared evaluation).
bool needs_mean(const NetworkChoice& choice, const ForecastOptions& options);

// The copy's denoiser for this query. REQUIRES a copy, and analogs where choice.weight > 0.
samplers::Denoiser denoiser_for(const Dataset& dataset, const Model& model, const Query& query,
                                const NetworkChoice& choice,
                                const std::vector<retrieval::Neighbour>& analogs);

// "one-step network, conditioned on 8 retrieved futures (forecast key) with weight 1". REQUIRES a
// copy.
std::string describe(const NetworkChoice& choice, const ForecastOptions& options);

// What users should know of how it was computed and entered; often nothing.
std::vector<std::string> remarks(const Model& model, const Chain& chain,
                                 const ForecastOptions& options);

}  // namespace skipcast::engine
