// The reverse chain that options ask for, checked once, and its run from an entry state to an
// ensemble. Pure functions, thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include "engine/ensemble_start.h"
#include "engine/forecaster.h"
#include "samplers/schedule.h"
#include "samplers/solvers.h"

namespace skipcast::engine {

struct Chain {
  samplers::NamedSolver solver;
  samplers::Noising noising;      // without a source of noise
  samplers::Entry entry;
  std::vector<double> cold;       // as many levels from sigma_max, for members that start cold
};

// kUsage in a sentence for whatever the task's schedule, a solver or a start does not allow.
Result<Chain> chain_for(const Task& task, const ForecastOptions& options);
// The part of it that needs no chain: members, batch and start.
Status check_members(const ForecastOptions& options);

// NFE a member.
int64_t evaluations(const Chain& chain);

// What members are entered from, in normalised units.
struct EntryState {
  at::Tensor clean;   // [M, T_out, V, P], or [T_out, V, P] for all members; undefined: cold
  at::Tensor spread;  // [T_out, V, P], standard deviation added to the entry's noise; undefined: 0
};

// [M, T_out, V, P] in normalised units. Its noise is keyed by options.seed, the query's time and
// the member: the same bits for any member_batch. Without levels the entry state itself.
at::Tensor run_chain(const Chain& chain, const Model& model, const Query& query,
                     const EntryState& entry, const ForecastOptions& options);

}  // namespace skipcast::engine
