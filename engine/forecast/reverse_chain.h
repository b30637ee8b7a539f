// The reverse chain that options ask for, checked once, and its run from an entry state to an
// ensemble. Pure functions, thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/forecast/analog_search.h"
#include "engine/forecast/forecaster.h"
#include "samplers/device_kernels.h"
#include "samplers/schedule.h"
#include "samplers/solvers/solvers.h"

namespace skipcast::engine {

struct Chain {
  samplers::NamedSolver solver;
  samplers::Noising noising;  // without a source of noise
  samplers::Entry entry;
  std::vector<double> cold;  // as many levels from sigma_max, for members that start cold
  struct {
    std::vector<double> to_key, to_value;  // levels of ReDi's trajectories, up to the entry
  } redi;
};

// The levels' schedule: the task's, with what options change of it.
samplers::ScheduleOptions schedule_for(const Task& task, const ForecastOptions& options);
// kUsage in a sentence for whatever the task's schedule, a solver or a start does not allow.
Result<Chain> chain_for(const Task& task, const ForecastOptions& options);
// The part of it that needs no chain: members, batch and start.
Status check_members(const ForecastOptions& options);

// NFE a member, and those of the start that all members share (ReDi's key).
int64_t evaluations(const Chain& chain);
int64_t shared_evaluations(const Chain& chain);

// What members are entered from, in normalised units.
struct EntryState {
  at::Tensor clean;  // [M, T_out, V, P], or [T_out, V, P] for all members; undefined: cold
  at::Tensor
      added_noise;   // [T_out, V, P], standard deviation added to the entry's noise; undefined: 0
  at::Tensor state;  // [M, T_out, V, P] in target space, noise and all, in place of both
  std::optional<samplers::AlignedStart> aligned;  // in place of `clean`: noised in the same pass
  std::vector<std::string> notes;                 // what users should know of it
};

struct Solved {
  at::Tensor ensemble;     // [M, T_out, V, P] in normalised units
  double evaluations = 0;  // a member, on average
};

// Its noise is keyed by options.seed, the query's time and
// the member: the same bits for any member_batch. Without levels the entry state itself.
Solved run_chain(const Chain& chain, const Model& model, const Query& query,
                 const EntryState& entry, const ForecastOptions& options);

}  // namespace skipcast::engine
