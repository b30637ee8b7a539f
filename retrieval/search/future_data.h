// Which windows have a future worth starting from.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "storage/schema/window.h"
#include "storage/series/series_store.h"

namespace skipcast::retrieval {

// For each of the increasing origins: whether its future holds any value of the given store
// variables (empty = all). Reads every state once. Errors of the store's read().
Result<std::vector<bool>> futures_with_data(const storage::SeriesStore& store,
                                            const storage::WindowSpec& spec,
                                            std::span<const int32_t> variables,
                                            std::span<const int64_t> origins);

}  // namespace skipcast::retrieval
