// Scores of one query: values, then joint scores, then differences between pairs of values.
// Aggregation over queries is in score_table.cc.
#include "engine/scores/scores.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <utility>

namespace skipcast::engine {
namespace {

constexpr int kLevels = 19;  // quantile levels .05, .10, .. .95

// The arrays of one query with their shape: the only place that knows the layout.
struct Query {
  const float* ensemble;
  const float* observed;
  ScoreShape shape;
  const ScoreOptions& options;

  double weight(int64_t place) const {
    return options.weights.empty() ? 1 : options.weights[static_cast<size_t>(place)];
  }
  int64_t state() const { return shape.variables * shape.places; }
  int64_t at(int64_t lead, int64_t variable, int64_t place) const {
    return lead * state() + variable * shape.places + place;
  }
  double y(int64_t index) const { return observed[index]; }
  double x(int64_t member, int64_t index) const {
    return ensemble[member * shape.lead_times * state() + index];
  }
  bool has(int64_t index) const { return std::isfinite(observed[index]); }
};

// splitmix64: a counter-based hash for drawing ties.
uint64_t mix(uint64_t value) {
  value += 0x9E3779B97F4A7C15u;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

// Number of sorted members below y; members equal to y fall on a random side.
int64_t rank_of(const std::vector<double>& sorted, double y, uint64_t random) {
  const auto [below, above] = std::equal_range(sorted.begin(), sorted.end(), y);
  const auto ties = static_cast<uint64_t>(above - below);
  return (below - sorted.begin()) + static_cast<int64_t>(random % (ties + 1));
}

// Mean over the quantile levels of 2 |(Q - y)(1[y <= Q] - q)|.
double quantile_loss(const std::vector<double>& sorted, double y) {
  double loss = 0;
  for (int level = 1; level <= kLevels; ++level) {
    const double q = static_cast<double>(level) / (kLevels + 1);
    const double position = q * static_cast<double>(sorted.size() - 1);
    const auto lower = static_cast<size_t>(position);
    const size_t upper = std::min(lower + 1, sorted.size() - 1);
    const double part = position - static_cast<double>(lower);
    const double quantile = sorted[lower] + part * (sorted[upper] - sorted[lower]);
    loss += 2 * std::abs((quantile - y) * ((y <= quantile ? 1.0 : 0.0) - q));
  }
  return loss / kLevels;
}

struct Value {
  double observed, weight;
  uint64_t random;  // for ties
};

// Adds one observed value. sum_{j<k} |x_j - x_k| = sum_i (2i - M + 1) x_(i), i from 0.
void add_value(const std::vector<double>& sorted, const Value& value, LeadSums& sums) {
  const double y = value.observed, w = value.weight;
  const auto count = static_cast<double>(sorted.size());
  double distance = 0, total = 0, pairs = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    distance += std::abs(sorted[i] - y);
    total += sorted[i];
    pairs += (2 * static_cast<double>(i) - count + 1) * sorted[i];
  }
  const double mean = total / count;
  double squares = 0;
  for (const double x : sorted) squares += (x - mean) * (x - mean);

  ++sums.values;
  sums.weight += w;
  sums.crps += w * (distance / count - pairs / (count * count));
  sums.crps_fair += w * (distance / count - (count > 1 ? pairs / (count * (count - 1)) : 0));
  sums.absolute_error += w * std::abs(mean - y);
  sums.squared_error += w * (mean - y) * (mean - y);
  sums.variance += w * (count > 1 ? squares / (count - 1) : 0);
  sums.quantile_loss += w * quantile_loss(sorted, y);
  sums.absolute_observed += w * std::abs(y);
  ++sums.ranks[static_cast<size_t>(rank_of(sorted, y, value.random))];
}

// Squared distances: member to observation, and member to member, over observed values.
struct Distances {
  explicit Distances(int64_t members)
      : to_observed(static_cast<size_t>(members)),
        between(to_observed.size() * to_observed.size()) {}
  std::vector<double> to_observed, between;  // between: upper triangle of [M, M]
  int64_t values = 0;
  double weight = 0;

  void add(const std::vector<double>& members, double y, double w) {
    const size_t count = members.size();
    for (size_t m = 0; m < count; ++m) {
      to_observed[m] += w * (members[m] - y) * (members[m] - y);
      double* row = between.data() + m * count;
      for (size_t k = m + 1; k < count; ++k) {
        row[k] += w * (members[m] - members[k]) * (members[m] - members[k]);
      }
    }
    ++values;
    weight += w;
  }

  void add(const Distances& other) {
    for (size_t m = 0; m < to_observed.size(); ++m) to_observed[m] += other.to_observed[m];
    for (size_t i = 0; i < between.size(); ++i) between[i] += other.between[i];
    values += other.values;
    weight += other.weight;
  }

  // {fair, plain}; zero without values.
  std::pair<double, double> energy() const {
    if (values == 0) return {0, 0};
    double first = 0, pairs = 0;
    for (const double square : to_observed) first += std::sqrt(square);
    for (const double square : between) pairs += std::sqrt(square);
    const auto count = static_cast<double>(to_observed.size());
    const double scale = 1 / std::sqrt(weight);
    const double fair = first / count - (count > 1 ? pairs / (count * (count - 1)) : 0);
    return {scale * fair, scale * (first / count - pairs / (count * count))};
  }
};

// One variable: value scores and energy, per lead time and jointly.
void score_values(const Query& query, int64_t variable, uint64_t seed, ScoreRow& row) {
  const ScoreShape& shape = query.shape;
  std::vector<double> members(static_cast<size_t>(shape.members));
  Distances joint(shape.members);
  for (int64_t lead = 0; lead < shape.lead_times; ++lead) {
    LeadSums& sums = row.leads[static_cast<size_t>(variable * shape.lead_times + lead)];
    sums.ranks.resize(members.size() + 1);
    Distances distances(shape.members);
    for (int64_t place = 0; place < shape.places; ++place) {
      const int64_t index = query.at(lead, variable, place);
      if (!query.has(index)) continue;
      for (size_t m = 0; m < members.size(); ++m) {
        members[m] = query.x(static_cast<int64_t>(m), index);
      }
      distances.add(members, query.y(index), query.weight(place));
      std::sort(members.begin(), members.end());
      const uint64_t random = mix(seed ^ mix(static_cast<uint64_t>(index)));
      add_value(members, {query.y(index), query.weight(place), random}, sums);
    }
    std::tie(sums.energy_fair, sums.energy) = distances.energy();
    joint.add(distances);
  }
  JointSums& sums = row.joint[static_cast<size_t>(variable)];
  sums.values = joint.values;
  std::tie(sums.energy_fair, sums.energy) = joint.energy();
}

// Every stride-th pair (i, j), i < j, of n things, counted through all rows of pairs; so that at
// most about `pairs_max` remain.
std::vector<std::pair<int64_t, int64_t>> thinned_pairs(int64_t n, int64_t pairs_max) {
  const int64_t all = n * (n - 1) / 2;
  const int64_t stride = std::max<int64_t>(1, (all + pairs_max - 1) / pairs_max);
  std::vector<std::pair<int64_t, int64_t>> pairs;
  int64_t i = 0, first = 0;  // row i holds the pairs first .. first + n - i - 2
  for (int64_t number = 0; number < all; number += stride) {
    while (number - first >= n - i - 1) first += n - 1 - i++;
    pairs.emplace_back(i, i + 1 + number - first);
  }
  return pairs;
}

// (|y_i - y_j|^.5 - mean_m |x_mi - x_mj|^.5)^2
double variogram_term(const Query& query, int64_t i, int64_t j) {
  double roots = 0;
  for (int64_t m = 0; m < query.shape.members; ++m) {
    roots += std::sqrt(std::abs(query.x(m, i) - query.x(m, j)));
  }
  const double observed = std::sqrt(std::abs(query.y(i) - query.y(j)));
  const double gap = observed - roots / static_cast<double>(query.shape.members);
  return gap * gap;
}

// Every (place, pair of lead times) has the same chance when places are thinned, too.
void score_lead_pairs(const Query& query, int64_t variable, int64_t pairs_max, JointSums& sums) {
  const ScoreShape& shape = query.shape;
  const auto pairs = thinned_pairs(shape.lead_times, pairs_max);
  if (pairs.empty()) return;
  const int64_t places_max = std::max<int64_t>(1, pairs_max / static_cast<int64_t>(pairs.size()));
  const int64_t wanted = std::min(shape.places, places_max);
  for (int64_t n = 0; n < wanted; ++n) {
    const int64_t place = n * shape.places / wanted;
    for (const auto& [first, second] : pairs) {
      const int64_t i = query.at(first, variable, place), j = query.at(second, variable, place);
      if (!query.has(i) || !query.has(j)) continue;
      sums.variogram += variogram_term(query, i, j);
      ++sums.pairs;
    }
  }
}

void score_place_pairs(const Query& query, int64_t variable, int64_t pairs_max, ScoreRow& row) {
  const ScoreShape& shape = query.shape;
  const auto pairs = thinned_pairs(shape.places, pairs_max);
  for (int64_t lead = 0; lead < shape.lead_times; ++lead) {
    LeadSums& sums = row.leads[static_cast<size_t>(variable * shape.lead_times + lead)];
    for (const auto& [first, second] : pairs) {
      const int64_t i = query.at(lead, variable, first), j = query.at(lead, variable, second);
      if (!query.has(i) || !query.has(j)) continue;
      sums.variogram += variogram_term(query, i, j);
      ++sums.pairs;
    }
  }
}

Status check_members(const Query& query) {
  const int64_t each = query.shape.lead_times * query.state();
  for (int64_t member = 0; member < query.shape.members; ++member) {
    for (int64_t index = 0; index < each; ++index) {
      if (std::isfinite(query.x(member, index)) || !query.has(index)) continue;
      return bad_input("cannot score: member " + std::to_string(member) +
                       " is not finite at lead time " + std::to_string(index / query.state() + 1) +
                       ", variable " + std::to_string(index % query.state() / query.shape.places) +
                       ", place " + std::to_string(index % query.shape.places));
    }
  }
  return {};
}

}  // namespace

Result<ScoreRow> score_query(int64_t origin, std::span<const float> ensemble,
                             std::span<const float> observed, const ScoreShape& shape,
                             const ScoreOptions& options) {
  const int64_t each = shape.lead_times * shape.variables * shape.places;
  SKIPCAST_CHECK(shape.members >= 1 && each >= 1);
  SKIPCAST_CHECK(std::ssize(ensemble) == shape.members * each && std::ssize(observed) == each);
  SKIPCAST_CHECK(options.weights.empty() || std::ssize(options.weights) == shape.places);
  const Query query{ensemble.data(), observed.data(), shape, options};
  SKIPCAST_TRY_OK(check_members(query));

  ScoreRow row{.origin = origin, .shape = shape};
  row.leads.resize(static_cast<size_t>(shape.variables * shape.lead_times));
  row.joint.resize(static_cast<size_t>(shape.variables));
  const uint64_t seed = mix(options.seed) ^ mix(static_cast<uint64_t>(origin));
  for (int64_t variable = 0; variable < shape.variables; ++variable) {
    score_values(query, variable, seed, row);
    if (options.pairs_max <= 0) continue;
    score_place_pairs(query, variable, options.pairs_max, row);
    score_lead_pairs(query, variable, options.pairs_max, row.joint[static_cast<size_t>(variable)]);
  }
  return row;
}

}  // namespace skipcast::engine
