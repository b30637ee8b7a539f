// From a query to the past windows its members start from.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/forecast/forecaster.h"
#include "engine/forecast/query.h"
#include "engine/keys/analog_keys.h"

namespace skipcast::engine {

// True when the start needs the query's mean forecast (one shared evaluation).
bool needs_mean(const StartOptions& start);

// One past window a member, nearest first; fewer than asked are used in turn.
struct MemberAnalogs {
  std::vector<retrieval::Neighbour> analogs;  // [members]; distance NaN when drawn blindly
  retrieval::SearchPlan plan;
  std::string encoder_fingerprint;
  std::vector<std::string> notes;

  std::vector<int64_t> origins() const;
};

// Retrieved (kAnalog) or blindly drawn (kRandom) past windows under the leakage guard; nothing for
// the other starts. Distances are not squared. kNotFound when the guard allows none.
Result<MemberAnalogs> find_analogs(AnalogKeys& keys, const Dataset& dataset, const Model& model,
                                   const Query& query, const ForecastOptions& options);

}  // namespace skipcast::engine
