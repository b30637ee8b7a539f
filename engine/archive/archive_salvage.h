// Salvage of a whole archive: the series by storage, then the models and policies that are intact.
#pragma once

#include <string>
#include <vector>

#include "storage/upkeep/salvage.h"

namespace skipcast::engine {

struct ArchiveSalvage {
  storage::SalvageReport series;
  std::vector<std::string> kept;  // models and policies, by path in the new archive
  std::vector<std::string> left;  // the damaged ones: "path: why"
};

// As storage::salvage_series; indexes are left out, since the next use builds them. Errors: its
// own, and kNoSpace or kIo while copying (the new archive then holds the series).
Result<ArchiveSalvage> salvage_archive(const std::string& from, const std::string& to,
                                       const Progress& progress);

}  // namespace skipcast::engine
