// Tuning the skip depth on validation windows: start x key x alignment x entry sigma x NFE,
// resumable, to a Pareto front (score against NFE and wall time) and a policy.
//
// Three rungs: a sixteenth of the windows for whole plans, a quarter for the best third of each,
// all for the best of each NFE. The plans: every start, key, alignment and entry sigma at one NFE,
// what was good there at the others; then, about the best setting of each NFE, one knob after the
// other (solver and its noise, spread, calibration, pool, spacing) and its levels; then, on all
// windows, the policy's setting at other depths. Cold starts are among the trials at every NFE and
// get the same help; blind controls are tried and never chosen. Last, a few finalists and the
// untuned setting on confirming windows, apart in time (window_draw.h), which decide (confirm.h).
// Never sees test data: a test replaces the whole test part and gets the same trials. Every trial
// is one flushed JSON line in policies/<name>.trials.jsonl; a second run reuses lines whose
// settings and fingerprints match, so an interrupted sweep continues. Not thread-safe: one tuner a
// policy name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/evaluation/evaluate.h"
#include "engine/evaluation/window_draw.h"
#include "engine/settings/policy.h"
#include "engine/settings/setting_table.h"

namespace skipcast::engine {

// What is minimised. kMix: CRPS and energy score, half each, every query counting the same.
enum class Objective { kCrps, kEnergy, kVariogram, kMix };
Result<Objective> objective_from(std::string_view word);  // kUsage lists the words
const char* word(Objective objective);
// A query's share of it, from scores in normalised units.
std::vector<Contribution> contributions_of(const ScoreTable& scores, Objective objective);

struct TuneRequest {
  std::string name;               // policy name; default: the task's
  double budget_minutes = 10;     // of new trials; the stage under way ends when it is spent
  int64_t windows = 100;          // validation windows a trial (coarse trials: a quarter)
  int64_t confirm_windows = 200;  // others, apart in time, by which the choice is confirmed
  int64_t members = 16;
  int64_t nfe_max = 10;
  uint64_t seed = 1;
  ArchiveMode archive = ArchiveMode::kGrowing;
  Objective objective = Objective::kCrps;
  Progress progress;  // "tune", detail: the trial
};

struct Trial {
  Setting options;
  int64_t windows = 0;
  WindowRole role = WindowRole::kChoosing;
  double crps = 0, energy = 0, variogram = 0, spread_skill = 0;  // normalised, fair
  double nfe = 0, nfe_shared = 0, seconds_per_query = 0;
  bool on_front = false;                  // no trial on all windows is better at no more NFE
  std::vector<double> lead_spread_skill;  // a lead time; empty in logs before it was kept
  std::vector<Contribution> crps_by_query;
  double score = 0;  // of the objective: what is compared
  std::vector<Contribution> score_by_query;
};

// A trial by its scores in normalised units; cost and windows are the caller's.
Trial trial_of(const Setting& options, const ScoreTable& scores, Objective objective);

// What the confirming windows say of a choice: better than the untuned setting; cheaper, and not
// worse by more than a named margin; neither, so that the untuned setting stays.
enum class Outcome { kBetter, kCheaper, kUntuned };
const char* word(Outcome outcome);  // "better", "cheaper", "untuned"

struct Confirmation {
  Outcome outcome = Outcome::kUntuned;
  Setting untuned;      // of presets.h's untuned_settings() the better one on the choosing windows
  std::string offered;  // what was compared with it: the policy, or the best that did not pass
  Difference loss;      // of the score, less the untuned one's; no queries: too few to compare
  std::vector<Trial> trials;  // of untuned settings on choosing, and all on confirming windows
};

struct TuneReport {
  std::vector<Trial> trials;              // all on choosing windows
  std::map<int64_t, Trial> best_per_nfe;  // at most this NFE, any start (policy_fit.h)
  std::map<int64_t, Trial> cold_per_nfe;
  int64_t members = 0;  // of every trial
  int64_t trials_reused = 0;
  bool budget_spent = false;  // some trials of the plan were left out
  Policy policy;              // what was confirmed, or the untuned setting
  Confirmation confirmation;
  std::string policy_path, front_csv_path, trials_path;
  std::vector<std::string> nfe_policies;   // "<name>-nfe3", ...: best_per_nfe as policies
  std::vector<std::string> cold_policies;  // "<name>-cold3", ...: cold_per_nfe
  // Entered from analogs, with a network evaluation or more: the cheapest within one percent of
  // the policy's CRPS, else the best; as a policy "<name>-chain". None was tried: none, "".
  std::optional<Trial> mid_chain;
  std::string mid_chain_policy;
};

// Writes policies/<name>*.json, .front.csv and .trials.jsonl of the archive; `progress` is called
// from this thread. kUsage: nothing to tune with (windows, members, nfe_max < 1). kInterrupted when
// progress says stop: lines written so far are kept and used by the next run. Errors of forecasts
// and of writing (kIo, kNoSpace) name setting or file.
Result<TuneReport> tune(Forecaster& forecaster, const TuneRequest& request);

}  // namespace skipcast::engine
