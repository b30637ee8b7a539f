// From where a forecast can start, and what a start, a network and a chain know of it there.
// Internal to engine. Pure functions, thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/models/model.h"
#include "retrieval/search/query_searches.h"
#include "samplers/precondition.h"

namespace skipcast::engine {

struct Query {
  int64_t origin = 0;
  int64_t time_s = 0;                    // of the origin: keys the noise
  ContextBatch context;                  // B = 1
  at::Tensor last;                       // [V, P]
  std::vector<samplers::Denoiser> base;  // the model's, one a network, conditioned on the context
  // The chain's, to which members are assigned in turn: the same, a fine-tuned copy's, guided ones.
  std::vector<samplers::Denoiser> denoise;
  samplers::MomentDenoiser moments;  // of the first network; empty unless the solver needs it
  at::Tensor mean;  // [T_out, V, P], the query's mean forecast; undefined unless needed
  retrieval::QuerySearches searches;  // made for it so far
};

// kNotFound when `origin` is after the archive's last state, or its context would begin before the
// first; kBadInput when context and future do not lie in one session. Errors name times.
Status check_origin(const Dataset& dataset, int64_t origin);

// With its context and last observation. check_origin()'s errors; kBadInput when nothing of the
// context was observed.
Result<Query> query_at(const Dataset& dataset, int64_t origin);

// query.base, conditioned on the context at the first call.
const std::vector<samplers::Denoiser>& base_of(const Model& model, Query& query);

// Fills query.mean, unless it is there: the denoisers' mean forecast at sigma_max, x = 0. That is
// Model::mean_forecast of this context, without encoding the context a second time.
void evaluate_mean(const Model& model, Query& query);

}  // namespace skipcast::engine
