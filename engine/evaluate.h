// Scoring forecasts and baselines on a part of the archive, honestly: equal members, NFE and wall
// time (retrieval included) beside every score, blind controls always at hand, differences with a
// paired block-bootstrap interval.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/bootstrap.h"
#include "engine/forecaster.h"
#include "engine/policy.h"
#include "engine/scores.h"
#include "storage/progress.h"

namespace skipcast::engine {

// One way to forecast, with the name it has in tables.
struct Candidate {
  std::string name;           // "cold-35", "analog s5 4 NFE", "climatology", ...
  enum class Kind { kChain, kPolicy, kPersistence, kClimatology, kAnalogRaw, kAnalogAligned } kind = Kind::kChain;
  ForecastOptions options;    // kChain, and key/alignment/archive for the analog baselines
  Policy policy;              // kPolicy
};

struct EvaluateRequest {
  Part part = Part::kTest;
  int64_t windows_max = 0;    // evenly spaced subset; 0 = every evaluate_stride-th
  int64_t members = 16;
  uint64_t seed = 1;
  std::vector<Candidate> candidates;  // the first is the reference of the differences
  std::string save_path;      // NetCDF with every forecast and observation of the first candidate
  Progress progress;
};

struct CandidateScores {
  std::string name;
  ScoreSummary physical, normalised;    // see scores.h
  double nfe = 0, nfe_shared = 0, seconds_per_query = 0;
  Interval95 crps_difference;           // normalised fair CRPS minus the reference's
  Interval95 energy_difference;
};

struct Evaluation {
  std::string task, part, archive_mode, model_fingerprint;
  int64_t windows = 0, members = 0;
  std::vector<CandidateScores> rows;
};

Result<Evaluation> evaluate(Forecaster& forecaster, const EvaluateRequest& request);
std::string to_json(const Evaluation& evaluation);
std::string to_table(const Evaluation& evaluation);  // aligned text for people

}  // namespace skipcast::engine
