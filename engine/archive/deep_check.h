// What can be made anew, made anew: are the caches of an archive what its states and models say?
#pragma once

#include <string>
#include <vector>

#include "engine/archive/archive_check.h"

namespace skipcast::engine {

// A verdict for every index (storage/RELIABILITY.md 4) and table of mean forecasts: each window is
// encoded again and compared. Files that no key of a trained task uses are listed as such. Costs
// what building them cost. Changes nothing. kInterrupted when progress ("verify") says stop.
Result<std::vector<Verdict>> check_caches(const std::string& archive, const Progress& progress);

}  // namespace skipcast::engine
