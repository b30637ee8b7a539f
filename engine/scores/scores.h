// Verification scores of ensembles against observations, per variable, lead time and query.
//
// The same functions serve physical and normalised units: they score whatever numbers they get.
// On a grid every value counts by its cell's area. Observations that are not finite count nowhere;
// lower is better except for the spread-skill ratio (1 is calibrated). Plain C++, no LibTorch; sums
// in double; pure functions, thread-safe.
//
// Definitions, M members x_m, observation y, one value (place, variable, lead time) unless said:
//   crps       mean_m |x_m - y| - 1/(2 M^2) sum_mk |x_m - x_k|        the ensemble taken as the law
//   crps_fair  mean_m |x_m - y| - 1/(2 M (M-1)) sum_mk |x_m - x_k|    unbiased (Ferro 2014)
//   energy(_fair)  the same with ||.||_2 / sqrt(n) over the n observed values of one variable,
//              jointly over places and lead times (per lead: over places). Gneiting & Raftery 2007.
//              Dividing by sqrt(n) keeps it in the unit of the values and comparable between tasks.
//   variogram  p = 0.5: mean over pairs (i, j) of (|y_i - y_j|^p - mean_m |x_mi - x_mj|^p)^2,
//              Scheuerer & Hamill 2015; pairs of places at one lead time ("places") and pairs of
//              lead times at one place ("lead times"); their mean is `variogram`.
//   rmse, mae  of the ensemble mean.
//   spread_skill  sqrt((M+1)/M mean variance) / rmse, variance with M-1 (Fortin et al. 2014).
//   crps_quantile  mean over q = .05..95 of sum 2 |(Q_q - y)(1[y <= Q_q] - q)| / sum |y|, Q by
//              linear interpolation between members: the CRPSq of the traffic literature.
//   rank       number of members below y, ties drawn by a counter-based hash: M+1 classes.
// With one member the fair scores equal the plain ones (absolute error), the variance is 0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "storage/status.h"

namespace skipcast::engine {

struct ScoreShape {
  int64_t members = 0, lead_times = 0, variables = 0, places = 0;
};

struct ScoreOptions {
  uint64_t seed = 0;        // of the ties of the rank histogram
  int64_t pairs_max = 512;  // variogram pairs of each kind: a lead time's pairs of places and a
                            // place's pairs of lead times (and places); more are thinned evenly,
                            // the same for every query. 0 = no variogram score.
  std::vector<double> weights;  // of places, in means and distances (not in variogram and ranks);
                                // empty: all 1
};

// Sums over the observed places of one variable at one lead time of one query.
struct LeadSums {
  int64_t values = 0;  // observed values
  double weight = 0;   // theirs: what all sums but energies and variogram are divided by
  double crps_fair = 0, crps = 0, absolute_error = 0, squared_error = 0, variance = 0;
  double quantile_loss = 0, absolute_observed = 0;
  double energy_fair = 0, energy = 0;  // one value, not a sum; 0 when values is 0
  double variogram = 0;                // over pairs of places
  int64_t pairs = 0;
  std::vector<int64_t> ranks;  // [members + 1]
};

// One variable of one query, jointly over places and lead times.
struct JointSums {
  int64_t values = 0;
  double energy_fair = 0, energy = 0;  // one value, not a sum
  double variogram = 0;                // over pairs of lead times
  int64_t pairs = 0;
};

struct ScoreRow {
  int64_t origin = 0;  // the query's origin, UTC seconds
  ScoreShape shape;
  std::vector<LeadSums> leads;   // [variables, lead_times]
  std::vector<JointSums> joint;  // [variables]
};

// Scores one query. ensemble [M, T, V, P], observed [T, V, P], row-major. A member that is not
// finite where something was observed is kBadInput and named; sizes that do not fit the shape are
// our own bug (check). Cost: M log M a value, M^2/2 a value for energy, M pairs_max (T+1) roots.
Result<ScoreRow> score_query(int64_t origin, std::span<const float> ensemble,
                             std::span<const float> observed, const ScoreShape& shape,
                             const ScoreOptions& options = {});

// Means over queries (and over lead times, places, variables): sums divided by counts, except
// energy: the mean over (query, variable). NaN where nothing was observed.
struct Scores {
  int64_t queries = 0, values = 0;
  double crps_fair = 0, crps = 0, energy_fair = 0, energy = 0;
  double variogram = 0, variogram_places = 0, variogram_lead_times = 0;
  double rmse = 0, mae = 0, spread = 0, spread_skill = 0, crps_quantile = 0;
  std::vector<int64_t> ranks;  // [members + 1]
};

// A score that is a mean of per-query contributions: what paired differences can be made of.
// kVariogram: a query's own variogram score counts once, however many pairs it has.
enum class Metric {
  kCrpsFair,
  kCrps,
  kEnergyFair,
  kEnergy,
  kVariogram,
  kSquaredError,
  kAbsoluteError
};

// A query's share of a mean: the mean over queries is sum(sum) / sum(weight).
struct Contribution {
  int64_t origin = 0;
  double sum = 0, weight = 0;
};

// The mean of contributions, each by its weight; infinity where none has any.
double mean_of(std::span<const Contribution> contributions);

// Rows of queries of one forecast system. Rows may come in any order and from any thread split:
// they are kept sorted by origin and summed in that order, so results do not depend on it.
// Not thread-safe while adding.
class ScoreTable {
 public:
  // REQUIRES the shape of the rows already there and a new origin (check).
  void add(ScoreRow row);
  const std::vector<ScoreRow>& rows() const { return rows_; }  // ascending origins

  // variable -1 = all. Empty tables give zero queries and NaN.
  Scores overall(int64_t variable = -1) const;
  Scores at_lead(int64_t lead_time, int64_t variable = -1) const;  // lead_time 0 = the first
  std::vector<Contribution> contributions(Metric metric) const;

 private:
  std::vector<ScoreRow> rows_;
};

}  // namespace skipcast::engine
