// Small series for tests: schemas, and values that are a pure function of their position.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "storage/series/series_store.h"

namespace skipcast::tests {

// `variables` variables "v0", "v1", ... at `places` nodes "p0", ...; hourly from 2020-01-01.
storage::Schema small_schema(int64_t variables, int64_t places,
                             storage::Codec codec = storage::Codec::kFloat32);

// The value of one cell; every 17th is missing (NaN).
float value_at(int64_t state, int64_t variable, int64_t place);

// States first..first+states-1 of value_at.
storage::StateBlock block_of(const storage::Schema& schema, int64_t first, int64_t states);

// 0 .. n-1.
std::vector<int32_t> all_variables(const storage::Schema& schema);

// True when the values are the same bits, or both NaN.
bool same(float a, float b);

// "" when states first..first+count-1 of the store read back as value_at says, else what differs.
std::string difference(const storage::SeriesStore& store, int64_t first, int64_t count);

}  // namespace skipcast::tests
