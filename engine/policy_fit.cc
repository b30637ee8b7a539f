#include "engine/policy_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace skipcast::engine {
namespace {

constexpr double kTolerance = 0.005;   // a cheaper setting this close to the best is preferred
constexpr double kCalibrationPrice = 0.01;  // of score, for a spread-skill ratio in range
constexpr double kSpreadMin = 0.9, kSpreadMax = 1.1;
constexpr double kGainMin = 0.002;     // of bins over the single setting, on the other half
constexpr int64_t kBlock = 4;          // consecutive queries that fall into the same half
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Queries [from, to) in distance, of one half.
struct Subset {
  int half = 0;  // 0 chooses, 1 confirms
  double above = -kInfinity, up_to = kInfinity;
};

bool holds(const Subset& subset, int64_t number, double distance) {
  return (number / kBlock) % 2 == subset.half && distance > subset.above &&
         distance <= subset.up_to;
}

struct Sum {
  double sum = 0, weight = 0;

  void add(const Sum& other) {
    sum += other.sum;
    weight += other.weight;
  }
  double mean() const { return weight > 0 ? sum / weight : kInfinity; }
};

Sum score_on(const Trial& trial, const Distances& distances, const Subset& subset) {
  Sum total;
  for (size_t i = 0; i < trial.score_by_query.size(); ++i) {
    const Contribution& query = trial.score_by_query[i];
    const auto at = distances.find(query.origin);
    const double distance = at == distances.end() ? 0 : at->second;
    if (!holds(subset, static_cast<int64_t>(i), distance)) continue;
    total.add({query.sum, query.weight});
  }
  return total;
}

bool is_calibrated(const Trial& trial) {
  return trial.spread_skill >= kSpreadMin && trial.spread_skill <= kSpreadMax;
}

const Trial* lowest_score(const std::vector<const Trial*>& trials) {
  return *std::min_element(trials.begin(), trials.end(), [](const Trial* a, const Trial* b) {
    return a->score < b->score;
  });
}

// Of trials that cost the same: calibrated ones if any is nearly as good as the best, and of those
// that scores can hardly tell apart the one with the best texture.
const Trial* recommended(std::vector<const Trial*> trials) {
  const double best = lowest_score(trials)->score;
  std::vector<const Trial*> calibrated;
  for (const Trial* trial : trials) {
    const bool affordable = trial->score <= best * (1 + kCalibrationPrice);
    if (affordable && is_calibrated(*trial)) calibrated.push_back(trial);
  }
  if (!calibrated.empty()) trials = calibrated;
  const double bar = lowest_score(trials)->score * (1 + kTolerance);
  std::erase_if(trials, [bar](const Trial* trial) { return !(trial->score <= bar); });
  return *std::min_element(trials.begin(), trials.end(), [](const Trial* a, const Trial* b) {
    return a->variogram != b->variogram ? a->variogram < b->variogram : a->score < b->score;
  });
}

// The best cold trial of at most max(nfe, 1) evaluations.
const Trial& cold_beside(std::span<const Trial> trials, double nfe) {
  const Trial* best = nullptr;
  const Trial* cheapest = nullptr;
  for (const Trial& trial : trials) {
    if (!is_cold(trial)) continue;
    if (cheapest == nullptr || trial.nfe < cheapest->nfe) cheapest = &trial;
    if (trial.nfe > std::max(nfe, 1.0)) continue;
    if (best == nullptr || trial.score < best->score) best = &trial;
  }
  SKIPCAST_CHECK(cheapest != nullptr);
  return best != nullptr ? *best : *cheapest;
}

// Lower CRPS on each half of the queries that has any: what one half shows, the other confirms.
bool beats_on_both(const Trial& trial, const Trial& cold) {
  for (const int half : {0, 1}) {
    const double here = score_on(trial, {}, {half}).mean();
    if (std::isfinite(here) && here >= score_on(cold, {}, {half}).mean()) return false;
  }
  return true;
}

const Trial& best_on(std::span<const Trial> trials, const Distances& distances,
                     const Subset& subset, double cost_max, int64_t members) {
  const Trial* best = nullptr;
  double best_score = kInfinity;
  for (const Trial& trial : trials) {
    if (cost(trial, members) > cost_max + 1e-9) continue;
    const double score = score_on(trial, distances, subset).mean();
    if (best == nullptr || score < best_score) {
      best = &trial;
      best_score = score;
    }
  }
  SKIPCAST_CHECK(best != nullptr);
  return *best;
}

// Upper edges that cut the choosing half's distances into `bins` equal parts; the last is infinity.
std::vector<double> edges(const Distances& distances, int64_t bins) {
  std::vector<double> sorted;
  for (const auto& [origin, distance] : distances) sorted.push_back(distance);
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> upper;
  for (int64_t b = 1; b < bins; ++b) {
    const double edge = sorted[static_cast<int64_t>(sorted.size()) * b / bins];
    if (upper.empty() || edge > upper.back()) upper.push_back(edge);
  }
  upper.push_back(kInfinity);
  return upper;
}

struct Choice {
  std::vector<PolicyBin> bins;
  double confirmed = kInfinity;  // CRPS on the other half
};

Choice choose_bins(std::span<const Trial> trials, const Distances& distances, int64_t count,
                   double cost_max, int64_t members) {
  Choice choice;
  Sum confirmed;
  double above = -kInfinity;
  for (const double edge : edges(distances, count)) {
    const Trial& best = best_on(trials, distances, {0, above, edge}, cost_max, members);
    choice.bins.push_back({edge, best.options});
    confirmed.add(score_on(best, distances, {1, above, edge}));
    above = edge;
  }
  choice.confirmed = confirmed.mean();
  return choice;
}

}  // namespace

bool is_cold(const Trial& trial) { return trial.options.start.kind == StartKind::kCold; }

int64_t nfe_class(const Trial& trial) {
  constexpr double kRounding = 1e-9;
  return static_cast<int64_t>(std::ceil(trial.nfe - kRounding));
}

double cost(const Trial& trial, int64_t members) {
  return trial.nfe + trial.nfe_shared / static_cast<double>(members);
}

void mark_front(std::span<Trial> trials, int64_t members) {
  for (Trial& trial : trials) {
    trial.on_front = std::none_of(trials.begin(), trials.end(), [&](const Trial& other) {
      const double here = cost(trial, members), there = cost(other, members);
      return there <= here && other.score <= trial.score &&
             (there < here || other.score < trial.score);
    });
  }
}

std::map<int64_t, Trial> best_per_nfe(std::span<const Trial> trials, Starts starts) {
  std::map<int64_t, std::vector<const Trial*>> at_nfe;
  for (const Trial& trial : trials) {
    if (starts == Starts::kCold && !is_cold(trial)) continue;
    at_nfe[nfe_class(trial)].push_back(&trial);
  }
  std::map<int64_t, Trial> best;
  std::vector<const Trial*> affordable;
  for (const auto& [nfe, those] : at_nfe) {
    affordable.insert(affordable.end(), those.begin(), those.end());
    best.emplace(nfe, *recommended(affordable));
  }
  return best;
}

const Trial& single_choice(std::span<const Trial> trials, int64_t members) {
  std::vector<std::pair<const Trial*, double>> worthy;
  double best = kInfinity;
  for (const Trial& trial : trials) {
    if (!is_cold(trial) && !beats_on_both(trial, cold_beside(trials, trial.nfe))) continue;
    Sum all = score_on(trial, {}, {0});
    all.add(score_on(trial, {}, {1}));
    worthy.emplace_back(&trial, all.mean());
    best = std::min(best, all.mean());
  }
  const auto cheapest = [&](double price, bool calibrated) {
    const Trial* found = nullptr;
    for (const auto& [trial, score] : worthy) {
      if (score > best * (1 + price) || (calibrated && !is_calibrated(*trial))) continue;
      if (found == nullptr || cost(*trial, members) < cost(*found, members)) found = trial;
    }
    return found;
  };
  const Trial* chosen = cheapest(kCalibrationPrice, true);
  if (chosen == nullptr) chosen = cheapest(kTolerance, false);
  SKIPCAST_CHECK(chosen != nullptr);
  return *chosen;
}

std::vector<PolicyBin> fit_bins(std::span<const Trial> trials, const Distances& distances,
                                int64_t members) {
  const Trial& single = single_choice(trials, members);
  Choice accepted = {{{kInfinity, single.options}},
                     score_on(single, distances, Subset{1}).mean()};
  if (is_cold(single) || distances.empty()) return accepted.bins;
  const double wanted = accepted.confirmed * (1 - kGainMin);
  for (const int64_t count : {3, 2}) {
    Choice choice = choose_bins(trials, distances, count, cost(single, members), members);
    if (choice.confirmed < wanted && choice.confirmed < accepted.confirmed) {
      accepted = std::move(choice);
    }
  }
  // Farther than anything validation has seen: no analog is near, so the best cold start.
  double farthest = 0;
  for (const auto& [origin, distance] : distances) farthest = std::max(farthest, distance);
  accepted.bins.back().distance_max = farthest;
  accepted.bins.push_back({kInfinity, cold_beside(trials, kInfinity).options});
  return accepted.bins;
}

void validate(std::span<const Trial> trials, const Distances& distances, Policy& policy) {
  double sum = 0, weight = 0, nfe = 0, energy = 0;
  int64_t queries = 0;
  for (size_t i = 0; i < trials.front().crps_by_query.size(); ++i) {
    const auto at = distances.find(trials.front().crps_by_query[i].origin);
    const double distance = at == distances.end() ? 0 : at->second;
    const std::string wanted = describe(choose(policy, distance, {}));
    const auto trial = std::find_if(trials.begin(), trials.end(), [&](const Trial& each) {
      return describe(each.options) == wanted;
    });
    if (trial == trials.end()) continue;
    sum += trial->crps_by_query[i].sum;
    weight += trial->crps_by_query[i].weight;
    nfe += trial->nfe;
    energy += trial->energy;
    ++queries;
  }
  policy.validation_crps = sum / weight;
  policy.validation_energy = energy / static_cast<double>(queries);
  policy.mean_nfe = nfe / static_cast<double>(queries);
}

}  // namespace skipcast::engine
