// From a query to the clean start of every member: which past windows, and how their futures are
// moved to the query. Everything in normalised units; no chain here.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/forecast/forecaster.h"
#include "engine/forecast/query.h"
#include "engine/keys/analog_keys.h"
#include "samplers/device_kernels.h"

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

// Futures [members, T_out, V, P] of these windows, moved to the query as start.alignment says:
//   kOffset    future + exp(-(l-1)/tau) (query's last - analog's last)
//   kResidual  query's mean forecast + future - mean forecast at the analog's own context
//   kHalf      the mean of both
// What is moved is kept within the range of the training part (Dataset::range): an offset
// that is harmless for one analog is a factor of many where the network works in logarithms.
// `means` is used by kResidual and kHalf alone.
at::Tensor aligned_futures(const Dataset& dataset, const MeanTable* means, const Query& query,
                           std::span<const int64_t> origins, const StartOptions& start);

// The same on its way into the chain, for samplers::enter_aligned, where one pass can do it: offset
// alignment, nothing added to the noise, a model with a target space. Else nullopt.
std::optional<samplers::AlignedStart> aligned_start(const Dataset& dataset, const Model& model,
                                                    const Query& query,
                                                    std::span<const int64_t> origins,
                                                    const StartOptions& start);

}  // namespace skipcast::engine
