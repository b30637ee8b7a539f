// From trials on all choosing windows to the Pareto front and a policy: pure functions. Blind
// controls (start_table.h) may be among the trials; none of these functions takes one.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "engine/tuning/tuner.h"

namespace skipcast::engine {

// Evaluations a member, its share of the shared ones included.
double cost(const Trial& trial, int64_t members);

// Marks trials that no other one beats in score at no more cost.
void mark_front(std::span<Trial> trials, int64_t members);

// Without any analog; no control.
bool is_cold(const Trial& trial);

// The evaluations a member that a trial may be said to cost: its mean, rounded up.
int64_t nfe_class(const Trial& trial);

// What is recommended when at most so many evaluations a member may be spent, for every number
// that some trial costs; only cold starts, or any. Of the trials within one percent of the best
// score, those whose variogram score exceeds the lowest of the cold starts by at most 1.5 % come
// first, and among them those with a spread-skill ratio of .9 .. 1.1; of those left within half a
// percent of the best of them, the one with the lowest variogram score is taken.
enum class Starts { kAny, kCold };
std::map<int64_t, Trial> best_per_nfe(std::span<const Trial> trials, Starts starts);

// The cheapest trial that enters the chain from analogs and evaluates the network at least once, of
// those whose CRPS is at most one percent above `crps`; else the best of them; null without one.
const Trial* mid_chain_choice(std::span<const Trial> trials, double crps, int64_t members);

// A measure of each query's analogs, by its origin's time.
using Measured = std::map<int64_t, double>;

// What a policy does with a measure.
struct PolicyFit {
  std::vector<PolicyBin> bins;
  DepthRule depth;
  std::vector<Contribution> confirming;  // scores of the queries that only confirm
};

struct FitRequest {
  int64_t members = 0;
  samplers::ScheduleOptions schedule;  // of the task: the range of depths
  int64_t measures = 1;                // that the caller tries
};

// First one setting for all: of the cold starts and whatever beats the cold start at the same NFE
// on both halves of the queries (alternate blocks of four), the cheapest within half a percent of
// the best, or within one percent with a spread-skill ratio of .9 .. 1.1; of those that run a chain
// if any does. Then, by the measure, two
// or three bins by quantiles, each with its best setting of no more cost on one half; or the single
// setting at a depth that is a smooth function of the measure (depth_fit.h). Each is accepted only
// if the other half confirms a gain over the single setting beyond chance (paired block bootstrap,
// one-sided at 5 %, shared among three shapes and `measures` measures); of several the one that
// gains most. Queries whose measure is above any seen get the best cold start. REQUIRES one.
PolicyFit fit_policy(std::span<const Trial> trials, const Measured& measured,
                     const FitRequest& request);

// The single setting fit_policy starts from.
const Trial& single_choice(std::span<const Trial> trials, int64_t members);

// What is offered beside it when choices are confirmed: the best by score of every NFE class, best
// first, the single choice not repeated; at most `count`.
std::vector<const Trial*> runners_up(std::span<const Trial> trials, int64_t members, size_t count);

// Of the two halves of the queries the one that chooses (0) or confirms (1): alternate blocks of
// four.
int half_of(int64_t query);

// The settings by which `policy_scores` knows what a policy does.
std::vector<Setting> settings_of(const Policy& policy);

// What a policy does on the queries of these trials, which are on the same windows.
struct PolicyScores {
  std::vector<Contribution> score, crps;  // a query; weight 0 where its setting was not tried
  double nfe = 0, cost = 0, energy = 0;   // means over the others
};

// When each query takes its bin's trial, between two depths' trials where the rule says so.
PolicyScores policy_scores(std::span<const Trial> trials, const Measured& measured,
                           const Policy& policy, int64_t members);

// Sets the policy's validation scores and mean NFE by them.
void validate(std::span<const Trial> trials, const Measured& measured, Policy& policy);

}  // namespace skipcast::engine
