// Rows of many queries: kept in order, summed in order, averaged.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/scores/scores.h"

namespace skipcast::engine {
namespace {

// Sums over rows before they become means.
struct Totals {
  LeadSums values;
  double energy_fair = 0, energy = 0;
  int64_t energies = 0;
  double lead_variogram = 0;
  int64_t lead_pairs = 0;
};

void add(const LeadSums& lead, LeadSums& sums) {
  sums.values += lead.values;
  sums.weight += lead.weight;
  sums.crps_fair += lead.crps_fair;
  sums.crps += lead.crps;
  sums.absolute_error += lead.absolute_error;
  sums.squared_error += lead.squared_error;
  sums.variance += lead.variance;
  sums.quantile_loss += lead.quantile_loss;
  sums.absolute_observed += lead.absolute_observed;
  sums.variogram += lead.variogram;
  sums.pairs += lead.pairs;
  if (sums.ranks.empty()) sums.ranks.resize(lead.ranks.size());
  for (size_t i = 0; i < lead.ranks.size(); ++i) sums.ranks[i] += lead.ranks[i];
}

void add_energy(double fair, double plain, int64_t values, Totals& totals) {
  if (values == 0) return;
  totals.energy_fair += fair;
  totals.energy += plain;
  ++totals.energies;
}

double ratio(double sum, double weight) {
  return weight > 0 ? sum / weight : std::numeric_limits<double>::quiet_NaN();
}

// The mean of the two kinds, or the one there is.
double variogram_of(double places, double lead_times) {
  if (std::isnan(places)) return lead_times;
  if (std::isnan(lead_times)) return places;
  return (places + lead_times) / 2;
}

Scores mean_scores(const Totals& totals, int64_t queries, int64_t members) {
  const LeadSums& sums = totals.values;
  const auto energies = static_cast<double>(totals.energies);
  Scores scores{.queries = queries, .values = sums.values};
  scores.crps_fair = ratio(sums.crps_fair, sums.weight);
  scores.crps = ratio(sums.crps, sums.weight);
  scores.energy_fair = ratio(totals.energy_fair, energies);
  scores.energy = ratio(totals.energy, energies);
  scores.variogram_places = ratio(sums.variogram, static_cast<double>(sums.pairs));
  scores.variogram_lead_times =
      ratio(totals.lead_variogram, static_cast<double>(totals.lead_pairs));
  scores.variogram = variogram_of(scores.variogram_places, scores.variogram_lead_times);
  scores.rmse = std::sqrt(ratio(sums.squared_error, sums.weight));
  scores.mae = ratio(sums.absolute_error, sums.weight);
  const double widen = ratio(static_cast<double>(members + 1), static_cast<double>(members));
  scores.spread = std::sqrt(widen * ratio(sums.variance, sums.weight));
  scores.spread_skill = ratio(scores.spread, scores.rmse);
  scores.crps_quantile = ratio(sums.quantile_loss, sums.absolute_observed);
  scores.ranks = sums.ranks;
  return scores;
}

bool same_shape(const ScoreShape& a, const ScoreShape& b) {
  return a.members == b.members && a.lead_times == b.lead_times && a.variables == b.variables &&
         a.places == b.places;
}

// First and one past the last variable meant by `variable` (-1 = all).
std::pair<int64_t, int64_t> variables_of(const ScoreRow& row, int64_t variable) {
  SKIPCAST_CHECK(variable >= -1 && variable < row.shape.variables);
  if (variable >= 0) return {variable, variable + 1};
  return {0, row.shape.variables};
}

// The query's own variogram score, as Scores::variogram of a table of this row alone.
Contribution variogram_contribution(const ScoreRow& row) {
  double places = 0, lead_times = 0, place_pairs = 0, lead_pairs = 0;
  for (const LeadSums& lead : row.leads) {
    places += lead.variogram;
    place_pairs += static_cast<double>(lead.pairs);
  }
  for (const JointSums& joint : row.joint) {
    lead_times += joint.variogram;
    lead_pairs += static_cast<double>(joint.pairs);
  }
  const double score = variogram_of(ratio(places, place_pairs), ratio(lead_times, lead_pairs));
  if (std::isnan(score)) return {.origin = row.origin};
  return {.origin = row.origin, .sum = score, .weight = 1};
}

// One query's share of a metric.
Contribution contribution(const ScoreRow& row, Metric metric) {
  if (metric == Metric::kVariogram) return variogram_contribution(row);
  Contribution share{.origin = row.origin};
  if (metric == Metric::kEnergyFair || metric == Metric::kEnergy) {
    for (const JointSums& joint : row.joint) {
      share.sum += metric == Metric::kEnergy ? joint.energy : joint.energy_fair;
      share.weight += joint.values > 0 ? 1 : 0;
    }
    return share;
  }
  for (const LeadSums& lead : row.leads) {
    share.weight += lead.weight;
    switch (metric) {
      case Metric::kCrpsFair:
        share.sum += lead.crps_fair;
        break;
      case Metric::kCrps:
        share.sum += lead.crps;
        break;
      case Metric::kSquaredError:
        share.sum += lead.squared_error;
        break;
      default:
        share.sum += lead.absolute_error;
        break;
    }
  }
  return share;
}

}  // namespace

void ScoreTable::add(ScoreRow row) {
  SKIPCAST_CHECK(rows_.empty() || same_shape(rows_.front().shape, row.shape));
  const auto place = std::lower_bound(
      rows_.begin(), rows_.end(), row.origin,
      [](const ScoreRow& stored, int64_t origin) { return stored.origin < origin; });
  SKIPCAST_CHECK(place == rows_.end() || place->origin != row.origin);
  rows_.insert(place, std::move(row));
}

Scores ScoreTable::overall(int64_t variable) const {
  Totals totals;
  for (const ScoreRow& row : rows_) {
    const auto [first, end] = variables_of(row, variable);
    for (int64_t v = first; v < end; ++v) {
      for (int64_t lead = 0; lead < row.shape.lead_times; ++lead) {
        engine::add(row.leads[static_cast<size_t>(v * row.shape.lead_times + lead)], totals.values);
      }
      const JointSums& joint = row.joint[static_cast<size_t>(v)];
      add_energy(joint.energy_fair, joint.energy, joint.values, totals);
      totals.lead_variogram += joint.variogram;
      totals.lead_pairs += joint.pairs;
    }
  }
  return mean_scores(totals, std::ssize(rows_), rows_.empty() ? 0 : rows_.front().shape.members);
}

Scores ScoreTable::at_lead(int64_t lead_time, int64_t variable) const {
  Totals totals;
  for (const ScoreRow& row : rows_) {
    SKIPCAST_CHECK(lead_time >= 0 && lead_time < row.shape.lead_times);
    const auto [first, end] = variables_of(row, variable);
    for (int64_t v = first; v < end; ++v) {
      const LeadSums& lead = row.leads[static_cast<size_t>(v * row.shape.lead_times + lead_time)];
      engine::add(lead, totals.values);
      add_energy(lead.energy_fair, lead.energy, lead.values, totals);
    }
  }
  return mean_scores(totals, std::ssize(rows_), rows_.empty() ? 0 : rows_.front().shape.members);
}

double mean_of(std::span<const Contribution> contributions) {
  double sum = 0, weight = 0;
  for (const Contribution& each : contributions) {
    sum += each.sum;
    weight += each.weight;
  }
  return weight > 0 ? sum / weight : std::numeric_limits<double>::infinity();
}

std::vector<Contribution> ScoreTable::contributions(Metric metric) const {
  std::vector<Contribution> shares;
  shares.reserve(rows_.size());
  for (const ScoreRow& row : rows_) shares.push_back(contribution(row, metric));
  return shares;
}

}  // namespace skipcast::engine
