// What a report on an archive shows, as plain values: coverage, scores on one part, one query with
// its analogs and its reverse chain, worst cases, fronts. tools/report/report_page.h makes a page
// of it.
//
// Which windows are shown is decided by rules, never by how they look: the query is the one whose
// CRPS is the median of the scored windows unless a time is given; the worst cases are the worst.
// Not thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/evaluation/evaluate.h"
#include "engine/models/traced_model.h"
#include "engine/tuning/front_file.h"
#include "storage/upkeep/series_summary.h"

namespace skipcast::engine {

struct ReportRequest {
  std::string task;                   // "" = coverage alone
  std::vector<std::string> policies;  // names or files; empty = those tuned for the task
  int64_t windows = 60;               // of the test part, evenly spaced; 0 = as the task says
  int64_t members = 16;
  uint64_t seed = 1;
  std::optional<int64_t> at_s;  // init time of the query shown
  int64_t memory_bytes = storage::kMemoryBytesDefault;
  Progress progress;  // "read", then "evaluate"
};

struct Coverage {
  storage::SeriesSummary summary;
  storage::ArchiveSizes sizes;
  std::vector<int64_t> bin_first;             // states; bin i ends where i + 1 begins
  std::vector<std::vector<double>> observed;  // [variable][bin], share of values, 0..1
};

struct ScoredSystem {
  enum class Role { kReference, kPolicy, kStart, kCold, kControl, kBaseline };
  Role role = Role::kReference;
  CandidateScores scores;   // its differences: normalised, to the reference
  Difference crps;          // a = mean = the physical fair CRPS itself; no queries when unknown
  int64_t cold = -1;        // policies and starts: the system that is cold at no fewer NFE, else -1
  Difference against_cold;  // normalised fair CRPS minus that system's
};

struct ScoreFacts {
  std::string part, archive_mode;
  int64_t windows = 0, members = 0;
  int64_t first_s = 0, last_s = 0;    // init times of the first and last window scored
  std::vector<ScoredSystem> systems;  // the reference (cold, 35 evaluations) first
  size_t shown = 0;                   // the one that figures show: the first policy, or a start
};

// One forecast's chain in physical units, [members, T_out, V, P] each.
struct ChainFacts {
  std::string name;
  ForecastOptions options;
  at::Tensor start;              // before noise; undefined for a cold start
  std::vector<Evaluated> steps;  // states and estimates, entry first
  Forecast forecast;             // where it ended
};

struct QueryFacts {
  std::string why;          // "the median of 60 scored windows", "asked for"
  Forecast forecast;        // by the system shown
  ForecastOptions options;  // that made it
  Forecast analogs;         // the aligned futures themselves, one an analog
  ForecastOptions analog_options;
  ChainFacts chain, cold;  // mid-chain, and cold at as many evaluations
  bool same_chain = true;  // false: the forecast runs no chain, `chain` is another setting
};

struct WorstCase {
  Forecast forecast;
  double crps = 0, reference_crps = 0;  // of this window, in ScoreFacts' physical units
  int64_t place = 0;                    // where the mean was farthest off
};

struct PolicyFront {
  std::string policy;
  std::vector<FrontTrial> trials;
};

// What a section could not show, and the command that would.
struct Missing {
  std::string scores, query, fronts, policies;
};

struct ReportData {
  Coverage coverage;
  std::unique_ptr<Forecaster> forecaster;  // null without a task; the rest is empty then
  std::vector<Policy> policies;
  ScoreFacts scores;
  std::optional<QueryFacts> query;
  std::vector<WorstCase> worst;
  std::vector<PolicyFront> fronts;
  Missing missing;
  double seconds = 0;  // to collect all this
};

// Reads the whole series once or twice. kInterrupted when progress says stop; errors of reading.
Result<Coverage> coverage_of(const storage::SeriesStore& store, const Progress& progress);

// Everything for one task, or the coverage alone. What has not been made yet (policies, fronts, an
// observed test window) leaves a sentence in `missing`. The store must outlive the result. Errors:
// Model::load's, load_policy's for policies that were named, origin_at's, evaluate's.
Result<ReportData> collect_report(const storage::SeriesStore& store, const ReportRequest& request);

}  // namespace skipcast::engine
