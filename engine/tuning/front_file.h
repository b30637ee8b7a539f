// policies/<name>.front.csv: every trial on all choosing windows, blind controls marked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/tuning/tuner.h"
#include "storage/status.h"

namespace skipcast::engine {

// A table with a header, one trial a row; its last column is describe() of the setting. `members`
// share a trial's shared evaluations.
std::string front_csv(const std::vector<Trial>& trials, int64_t members);

struct FrontTrial {
  double nfe = 0;                // a member, its share of shared evaluations included
  double seconds_per_query = 0;  // retrieval included
  double crps = 0;               // fair, normalised units
  double spread_skill = 0;
  std::string start;  // "analog key=forecast align=residual sigma=3", for people
  bool cold = false;
  bool on_front = false;  // no trial is better at no more NFE
  bool control = false;   // blind: measured, never chosen
  int64_t windows = 0;    // validation windows
};

// In the file's order: NFE, then CRPS. kNotFound: no such file; kBadInput names file, line and what
// is wrong with it (also a header without one of the columns).
Result<std::vector<FrontTrial>> read_front(const std::string& path);

}  // namespace skipcast::engine
