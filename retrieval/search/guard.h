// The leakage guard: which windows may serve as analogs for a query. One function decides.
//
// Operation and testing: an analog is usable only if its future had ended at or before the
// query's origin. Training and tuning add a band: no origin within T_in+T_out of the query's.
// A frozen archive additionally stops at the end of the training part. DESIGN decision 6.
#pragma once

#include <cstdint>
#include <vector>

#include "retrieval/indexes/intervals.h"
#include "storage/schema/window.h"

namespace skipcast::retrieval {

struct Guard {
  storage::WindowSpec spec;
  bool past_only = true;       // false: leave-a-band-out on both sides (training only)
  bool band = false;           // also keep |candidate - query| >= T_in+T_out
  int64_t frozen_states = -1;  // >= 0: candidate futures must end before this state index
};

// True when the window with origin `candidate` may inform a forecast from origin `query`.
bool usable(const Guard& guard, int64_t query, int64_t candidate);

// The usable origins as half-open, increasing, disjoint intervals within [first, last).
// Equal to testing usable() one by one (a test proves it).
std::vector<Interval> usable_intervals(const Guard& guard, int64_t query, int64_t first,
                                       int64_t last);

}  // namespace skipcast::retrieval
