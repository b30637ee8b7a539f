// Tuning the skip depth on validation windows: start x key x alignment x entry sigma x NFE,
// resumable, to a Pareto front (score against NFE and wall time) and a policy.
//
// Never sees test data. Every trial is one JSON line in policies/<name>.trials.jsonl; a second run
// reuses lines whose settings and fingerprints match, so an interrupted sweep continues.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/evaluate.h"
#include "engine/policy.h"

namespace skipcast::engine {

struct TuneRequest {
  std::string name;               // policy name; default: the task's
  double budget_minutes = 10;
  int64_t windows = 100;          // validation windows a trial
  int64_t members = 16;
  int64_t nfe_max = 10;
  uint64_t seed = 1;
  ArchiveMode archive = ArchiveMode::kGrowing;
  Progress progress;
};

struct Trial {
  ForecastOptions options;
  double crps = 0, energy = 0, variogram = 0, spread_skill = 0;  // normalised
  double nfe = 0, nfe_shared = 0, seconds_per_query = 0;
  bool on_front = false;
};

struct TuneReport {
  std::vector<Trial> trials;      // all
  std::vector<Trial> best_per_nfe; // the best at each NFE, any start
  std::vector<Trial> cold_per_nfe;
  Policy policy;
  std::string policy_path, front_csv_path;
};

Result<TuneReport> tune(Forecaster& forecaster, const TuneRequest& request);

}  // namespace skipcast::engine
