// How futures of past windows are moved to a query. Everything in normalised units; no chain here.
// Pure functions, thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/forecast/query.h"
#include "engine/keys/analog_keys.h"
#include "engine/settings/forecast_options.h"
#include "samplers/device_kernels.h"

namespace skipcast::engine {

// The alignment of this word; kUsage lists those there are.
Result<Alignment> alignment_from(std::string_view word);
// "none, offset, ...", for help and messages.
std::string alignment_names();
// Does it need mean forecasts, the query's and those of the windows?
bool uses_means(Alignment alignment);

// Futures [members, T_out, V, P] of these windows, moved to the query as start.alignment says:
//   kOffset    future + exp(-(l-1)/tau) (query's last - analog's last)
//   kResidual  query's mean forecast + future - mean forecast at the analog's own context
//   kHalf      the mean of both
// What is moved is kept within the range of the training part (Dataset::range): an offset
// that is harmless for one analog is a factor of many where the network works in logarithms.
// `means` is used by kResidual and kHalf alone.
at::Tensor aligned_futures(const Dataset& dataset, const MeanTable* means, const Query& query,
                           std::span<const int64_t> origins, const StartOptions& start);

// The same with the mean forecasts of `keys`, which are opened where the query has one.
Result<at::Tensor> moved_futures(AnalogKeys& keys, const Query& query,
                                 std::span<const int64_t> origins, const StartOptions& start);

// The same on its way into the chain, for samplers::enter_aligned, where one pass can do it: offset
// alignment, nothing added to the noise, a model with a target space. Else nullopt.
std::optional<samplers::AlignedStart> aligned_start(const Dataset& dataset, const Model& model,
                                                    const Query& query,
                                                    std::span<const int64_t> origins,
                                                    const StartOptions& start);

}  // namespace skipcast::engine
