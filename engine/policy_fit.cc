#include "engine/policy_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace skipcast::engine {
namespace {

constexpr double kTolerance = 0.005;   // a cheaper setting this close to the best is preferred
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

Sum crps_on(const Trial& trial, const Distances& distances, const Subset& subset) {
  Sum total;
  for (size_t i = 0; i < trial.crps_by_query.size(); ++i) {
    const Contribution& query = trial.crps_by_query[i];
    const auto at = distances.find(query.origin);
    const double distance = at == distances.end() ? 0 : at->second;
    if (!holds(subset, static_cast<int64_t>(i), distance)) continue;
    total.add({query.sum, query.weight});
  }
  return total;
}

bool is_cold(const Trial& trial) { return trial.options.start.kind == StartKind::kCold; }

// The best cold trial of at most max(nfe, 1) evaluations.
const Trial& cold_beside(std::span<const Trial> trials, double nfe) {
  const Trial* best = nullptr;
  const Trial* cheapest = nullptr;
  for (const Trial& trial : trials) {
    if (!is_cold(trial)) continue;
    if (cheapest == nullptr || trial.nfe < cheapest->nfe) cheapest = &trial;
    if (trial.nfe > std::max(nfe, 1.0)) continue;
    if (best == nullptr || trial.crps < best->crps) best = &trial;
  }
  SKIPCAST_CHECK(cheapest != nullptr);
  return best != nullptr ? *best : *cheapest;
}

// Lower CRPS on each half of the queries that has any: what one half shows, the other confirms.
bool beats_on_both(const Trial& trial, const Trial& cold) {
  for (const int half : {0, 1}) {
    const double here = crps_on(trial, {}, {half}).mean();
    if (std::isfinite(here) && here >= crps_on(cold, {}, {half}).mean()) return false;
  }
  return true;
}

const Trial& best_on(std::span<const Trial> trials, const Distances& distances,
                     const Subset& subset, double cost_max, int64_t members) {
  const Trial* best = nullptr;
  double best_crps = kInfinity;
  for (const Trial& trial : trials) {
    if (cost(trial, members) > cost_max + 1e-9) continue;
    const double crps = crps_on(trial, distances, subset).mean();
    if (best == nullptr || crps < best_crps) {
      best = &trial;
      best_crps = crps;
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
    confirmed.add(crps_on(best, distances, {1, above, edge}));
    above = edge;
  }
  choice.confirmed = confirmed.mean();
  return choice;
}

}  // namespace

double cost(const Trial& trial, int64_t members) {
  return trial.nfe + trial.nfe_shared / static_cast<double>(members);
}

void mark_front(std::span<Trial> trials, int64_t members) {
  for (Trial& trial : trials) {
    trial.on_front = std::none_of(trials.begin(), trials.end(), [&](const Trial& other) {
      const double here = cost(trial, members), there = cost(other, members);
      return there <= here && other.crps <= trial.crps &&
             (there < here || other.crps < trial.crps);
    });
  }
}

std::vector<Trial> best_per_nfe(std::span<const Trial> trials, Starts starts) {
  std::map<int64_t, const Trial*> best;
  for (const Trial& trial : trials) {
    if (starts == Starts::kCold && !is_cold(trial)) continue;
    const Trial*& kept = best[static_cast<int64_t>(std::lround(trial.nfe))];
    if (kept == nullptr || trial.crps < kept->crps) kept = &trial;
  }
  std::vector<Trial> out;
  for (const auto& [nfe, trial] : best) out.push_back(*trial);
  return out;
}

const Trial& single_choice(std::span<const Trial> trials, int64_t members) {
  std::vector<std::pair<const Trial*, double>> worthy;
  double best = kInfinity;
  for (const Trial& trial : trials) {
    if (!is_cold(trial) && !beats_on_both(trial, cold_beside(trials, trial.nfe))) continue;
    Sum all = crps_on(trial, {}, {0});
    all.add(crps_on(trial, {}, {1}));
    worthy.emplace_back(&trial, all.mean());
    best = std::min(best, all.mean());
  }
  const Trial* chosen = nullptr;
  for (const auto& [trial, crps] : worthy) {
    if (crps > best * (1 + kTolerance)) continue;
    if (chosen == nullptr || cost(*trial, members) < cost(*chosen, members)) chosen = trial;
  }
  SKIPCAST_CHECK(chosen != nullptr);
  return *chosen;
}

std::vector<PolicyBin> fit_bins(std::span<const Trial> trials, const Distances& distances,
                                int64_t members) {
  const Trial& single = single_choice(trials, members);
  Choice accepted = {{{kInfinity, single.options}},
                     crps_on(single, distances, Subset{1}).mean()};
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

}  // namespace skipcast::engine
