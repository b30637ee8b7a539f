// What every reader of foreign states promises, for the fuzz targets of the formats.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "storage/readers/state_reader.h"

namespace skipcast::fuzz {

using OpenReader = std::function<Result<std::unique_ptr<storage::StateReader>>()>;

// Opens and reads up to `states_max` states: every refusal names `file`; blocks follow each other
// and hold finite numbers or NaN; a valid schema; progress in 0..1; now and then a second
// reading in blocks of another size, which must give the same.
void check_reader(const OpenReader& open, const std::string& file, int64_t states_max);

}  // namespace skipcast::fuzz
