// Coordinate search around a setting that is good already: one knob turned at a time, at the same
// number of evaluations. Pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tuning/plans.h"

namespace skipcast::engine {

// The setting with each knob turned in turn: solver and the amount of its noise, spacing of the
// levels, and of starts with analogs the pool, its weights, cold members and added spread.
// `nfe` is what the setting costs a member; the pool is assigned to space.members.
std::vector<Setting> variations(const Setting& base, int64_t nfe, const TuneSpace& space);

// The setting with one or two steps more, from which members exit early.
std::vector<Setting> anytime(const Setting& base);

// The setting with its members' distances from the ensemble mean scaled such that spread and error
// agree (a spread-skill ratio of 1), or most of the way there: alike for all lead times, or by two
// or four knots; by one where the trial does not say its ratios by lead time.
std::vector<Setting> calibrated(const Trial& trial);

// The levels a setting runs, without the 0 at the end; empty without a chain.
std::vector<double> levels_of(const Setting& options, const samplers::ScheduleOptions& schedule);

// The setting on these levels, as many steps.
Setting with_levels(const Setting& base, std::vector<double> levels);

// The setting with listed levels: each of its levels in turn multiplied and divided by `factor`,
// where it stays between its neighbours and inside the schedule's range.
std::vector<Setting> moved_levels(const Setting& base, const samplers::ScheduleOptions& schedule,
                                  double factor);

}  // namespace skipcast::engine
