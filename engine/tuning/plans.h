// What a tuning sweep tries, in the order in which it is worth trying: pure functions from the
// task's schedule and the trials so far to forecast options.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/tuning/tuner.h"
#include "samplers/schedule.h"

namespace skipcast::engine {

// What a task allows to be tried.
struct TuneSpace {
  samplers::ScheduleOptions schedule;
  int64_t separation = 1;  // least distance of two analogs, in states
  int64_t members = 16;    // of every ensemble
  bool moments = false;    // the model has moment heads: gms is tried
  // Of the model's copies: the most evaluations that its one-step model was trained for (0: there
  // is none), whether that can be conditioned on retrieved futures, and whether there is a
  // conditioned network.
  int64_t one_step_evaluations = 0;
  bool one_step_retrieval = false, conditioned = false;
  bool metric = false;  // there is a learned metric: its key is tried
};

// What there is to try with its model and keys.
TuneSpace space_of(const Forecaster& forecaster, int64_t members);

// The model's one-step model in as many evaluations as it was trained for: from noise, and from
// analogs by every key, moved in two ways, at a few depths; conditioned on retrieved futures and
// not.
std::vector<Setting> one_step_plan(const TuneSpace& space);

// `count` entry sigmas from sigma_min to sigma_max, both included, evenly spaced in the logarithm.
std::vector<double> sigma_grid(const samplers::ScheduleOptions& schedule, int64_t count);

// The evaluations a member that are tried, most useful first: 3, 4, 2, 0, 1, 6, ... up to nfe_max.
std::vector<int64_t> nfe_order(int64_t nfe_max);

// Cold starts at 1..nfe_max, from sigma_max and from the grid's upper sigmas (noise about the
// target space's zero): the opponent gets the same choice of entry as every other start.
std::vector<Setting> cold_plan(const TuneSpace& space, int64_t nfe_max);

// Starts without a chain: every key and alignment.
std::vector<Setting> no_chain_plan(const TuneSpace& space);

// Every start, key, alignment and entry sigma at this many evaluations; promising sigmas first.
std::vector<Setting> wide_plan(const TuneSpace& space, int64_t nfe);

// From trials at another NFE: the best analog settings, the mean start and the best of each blind
// control, with sigmas within two grid steps of their best.
std::vector<Setting> transfer_plan(const TuneSpace& space, std::span<const Trial> trials,
                                   int64_t nfe);

// Starts without a chain beside the best of `free`, which are such trials: its mix halved and
// doubled, its analogs not kept apart.
std::vector<Setting> near_free_plan(std::span<const Trial> free);

// What refinement at one NFE starts from. Analogs without a chain cost next to nothing, so they
// are known on all windows.
struct RefineBasis {
  std::vector<Trial> coarse;  // at this NFE, or at another when there are none
  std::vector<Trial> free;    // without a chain
};

// For all windows, at one NFE from 1, before anything else: cold, the best coarse analogs, and the
// best ones without a chain, entered at the same sigma.
std::vector<Setting> first_plan(const RefineBasis& basis, int64_t nfe);

// Then: the next best analogs and the best of the other starts; the best ones with sigma half a
// grid step up and down, mix halved and doubled, analogs not kept apart.
std::vector<Setting> refine_plan(const TuneSpace& space, const RefineBasis& basis, int64_t nfe);

}  // namespace skipcast::engine
