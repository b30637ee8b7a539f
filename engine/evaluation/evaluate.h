// Scoring forecasts and baselines on a part of the archive, honestly: equal members, NFE and wall
// time (retrieval included) beside every score, blind controls always at hand, differences with a
// paired block-bootstrap interval. Scores in normalised units compare tasks and are what tuning
// minimises; scores in physical units are for people.
// Not thread-safe on one Forecaster while timing matters: queries run one after another.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/evaluation/candidates.h"
#include "engine/forecast/forecaster.h"
#include "engine/scores/bootstrap.h"
#include "engine/scores/scores.h"
#include "storage/progress.h"

namespace skipcast::engine {

struct EvaluateRequest {
  Part part = Part::kTest;
  int64_t windows_max = 0;       // evenly spaced subset; 0 = every evaluate_stride-th
  std::vector<int64_t> origins;  // of the part, ascending; scored in place of those when given
  int64_t members = 16;
  uint64_t seed = 1;
  ArchiveMode archive = ArchiveMode::kGrowing;  // of every candidate
  std::vector<Candidate> candidates;            // the first is the reference of the differences
  std::string save_path;        // NetCDF with every forecast and observation of a candidate:
  std::string save_row;         // of the one of this name, or the policy; default: the first
  ScoreOptions score;           // seed of ties, pairs of the variogram; weights: the archive's
  bool physical_scores = true;  // false: normalised alone, half the scoring time
  Progress progress;            // "evaluate", detail: candidate, query
};

struct CandidateScores {
  std::string name;
  int64_t members = 0;  // 1 for deterministic baselines
  Scores physical, normalised;
  std::vector<Scores> leads;     // physical, per lead time
  double nfe = 0;                // a member, mean over queries
  double nfe_shared = 0;         // a query: evaluations all members share
  double seconds_per_query = 0;  // encode, search, start, solve; index build excluded
  Difference crps_difference;    // normalised fair CRPS minus the reference's
  Difference energy_difference;  // the same of the fair energy score
  ScoreTable normalised_rows;    // per query, for further comparisons
  ScoreTable physical_rows;      // the same in physical units; empty without them
};

struct Evaluation {
  std::string task, part, archive_mode, model_fingerprint;
  int64_t windows = 0, members = 0;
  std::vector<CandidateScores> rows;
};

// "train", "validation", "test"; kUsage lists them.
Result<Part> part_from(std::string_view word);

// The part's origins, every evaluate_stride-th.
std::vector<int64_t> strided_origins(const Forecaster& forecaster, Part part);
// Those with an observation in context and in future.
std::vector<int64_t> observed_of(const Forecaster& forecaster, std::vector<int64_t> origins);
// The origins `evaluate` scores: the strided ones, thinned evenly to windows_max, and observed.
std::vector<int64_t> scored_origins(const Forecaster& forecaster, Part part, int64_t windows_max);

// kUsage: no candidates, zero members, a part without windows (says why), no such row to save
// (lists them). Errors of forecasts name the candidate. Validation queries set the guard's band.
// kInterrupted when progress says so.
Result<Evaluation> evaluate(Forecaster& forecaster, const EvaluateRequest& request);

std::string nfe_text(const CandidateScores& scores);  // "3 +1": a member's, + shared by all
std::string to_json(const Evaluation& evaluation);
// CSV, a line a query and row: time of the origin, row, fair CRPS in normalised units.
std::string by_query_csv(const Evaluation& evaluation);
// For people: columns parted by two blanks or more, whatever the names and numbers.
std::string to_table(const Evaluation& evaluation);

}  // namespace skipcast::engine
