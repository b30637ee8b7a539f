// From a query to the past windows its members start from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/forecast/forecaster.h"
#include "engine/forecast/query.h"
#include "engine/keys/analog_keys.h"

namespace skipcast::engine {

// One past window a member, nearest first; fewer than asked are used in turn.
struct MemberAnalogs {
  std::vector<retrieval::Neighbour> analogs;  // [members]; distance NaN when drawn blindly
  retrieval::SearchPlan plan;
  std::string encoder_fingerprint;
  std::vector<std::string> notes;

  std::vector<int64_t> origins() const;
};

// Found or drawn as options.start says, under the leakage guard; nothing for starts without
// analogs. Distances are not squared. Searches are remembered in query.searches: what is asked for
// again costs nothing. kNotFound when the guard allows none.
Result<MemberAnalogs> find_analogs(AnalogKeys& keys, Query& query, const ForecastOptions& options);

// The same for a window of any origin: the nearest by options.start.key, members assigned from the
// pool.
Result<MemberAnalogs> retrieve(AnalogKeys& keys, Query& query, int64_t origin,
                               const ForecastOptions& options);

// Complete windows that the guard allows, as positions in `origins`: half-open ranges.
struct AllowedWindows {
  std::vector<int64_t> origins;
  std::vector<retrieval::Interval> ranges;
  int64_t count = 0;

  int64_t at(int64_t number) const;  // the origin of one of `count`
};

// kNotFound when there is none.
Result<AllowedWindows> allowed_windows(const AnalogKeys& keys, const Query& query,
                                       const ForecastOptions& options);

// Steps of the noise (samplers/noise.h) by which analogs are drawn: below 0, which starts and
// solvers never use.
inline constexpr int64_t kBlindChoiceStep = -1, kOtherSituationStep = -2, kAssignmentStep = -3;

}  // namespace skipcast::engine
