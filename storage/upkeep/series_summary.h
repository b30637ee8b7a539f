// What is in a series: span, missing shares, gaps, ranges; and where an archive's bytes are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/progress.h"
#include "storage/series/series_store.h"
#include "storage/status.h"

namespace skipcast::storage {

// A run of consecutive missing states; states = 0 when nothing is missing.
struct Gap {
  int64_t first = 0;
  int64_t states = 0;
  int64_t place = -1;  // the place it was found at; -1 = at every place
};

struct VariableSummary {
  std::string name;
  int64_t missing = 0;       // missing values, of states x places
  double missing_share = 0;  // 0..1; 0 for an empty series
  Gap longest_gap;           // the variable is missing at every place
  Gap longest_place_gap;     // the variable is missing at one place
  float min = 0, max = 0;    // of the values that are there, in the variable's units; 0 if none
  double mean = 0;
};

struct SeriesSummary {
  int64_t states = 0;
  int64_t first_time_s = 0, last_time_s = 0;  // UTC; of state 0 and the last; 0 when empty
  double missing_share = 0;
  Gap longest_gap;  // every variable is missing at every place
  std::vector<VariableSummary> variables;
};

// Reads the whole series once, about 1 MiB at a time. kInterrupted when progress says stop;
// read() errors. Safe beside an appending writer: looks at the states there were at the start.
Result<SeriesSummary> summarise(const SeriesStore& store, const Progress& progress);

struct ArchiveSizes {
  int64_t config_bytes = 0, head_bytes = 0, database_bytes = 0;
  int64_t index_bytes = 0, models_bytes = 0, policies_bytes = 0, other_bytes = 0;

  int64_t total_bytes() const;
};

// Sizes of the files in an archive folder as the file system reports them (apparent sizes).
// kNotFound when there is no such folder. Files that vanish meanwhile count as nothing.
Result<ArchiveSizes> archive_sizes(const std::string& archive);

}  // namespace skipcast::storage
