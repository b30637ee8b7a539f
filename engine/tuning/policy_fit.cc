#include "engine/tuning/policy_fit.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "engine/forecast/start_table.h"
#include "engine/scores/bootstrap.h"
#include "engine/settings/options_json.h"
#include "engine/tuning/depth_fit.h"

namespace skipcast::engine {
namespace {

constexpr double kTolerance = 0.005;        // a cheaper setting this close to the best is preferred
constexpr double kCalibrationPrice = 0.01;  // of score, for a spread-skill ratio in range
constexpr double kSpreadMin = 0.9, kSpreadMax = 1.1;
constexpr double kMidChainPrice = 0.01;   // of CRPS, for an ensemble that shows the chain entered
constexpr double kTextureMargin = 0.015;  // of variogram score, above the best cold start's
constexpr double kGainMin = 0.002;        // of bins over the single setting, on the other half
constexpr double kChance = 0.05;          // of a gain by luck alone, over everything that is tried
constexpr int64_t kShapes = 3;            // two bins, three bins, a smooth rule
constexpr int64_t kBlock = 4;             // consecutive queries that fall into the same half
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Queries of one half whose measure lies in a range.
struct Subset {
  int half = 0;  // 0 chooses, 1 confirms
  double above = -kInfinity, up_to = kInfinity;
};

bool holds(const Subset& subset, int64_t number, double measure) {
  return half_of(number) == subset.half && measure > subset.above && measure <= subset.up_to;
}

double measure_of(const Contribution& query, const Measured& measured) {
  const auto at = measured.find(query.origin);
  return at == measured.end() ? 0 : at->second;
}

// Mean score of a subset; infinity where it is empty.
double score_on(const Trial& trial, const Measured& measured, const Subset& subset) {
  std::vector<Contribution> held;
  for (size_t i = 0; i < trial.score_by_query.size(); ++i) {
    const Contribution& query = trial.score_by_query[i];
    if (!holds(subset, static_cast<int64_t>(i), measure_of(query, measured))) continue;
    held.push_back(query);
  }
  return mean_of(held);
}

bool is_calibrated(const Trial& trial) {
  return trial.spread_skill >= kSpreadMin && trial.spread_skill <= kSpreadMax;
}

const Trial* lowest_score(const std::vector<const Trial*>& trials) {
  return *std::min_element(trials.begin(), trials.end(),
                           [](const Trial* a, const Trial* b) { return a->score < b->score; });
}

// Those that a test accepts, or all where it accepts none.
template <typename Test>
void prefer(std::vector<const Trial*>& trials, const Test& test) {
  if (std::any_of(trials.begin(), trials.end(), test)) std::erase_if(trials, std::not_fn(test));
}

// Of trials that cost the same and are nearly as good as the best: those of good texture if there
// are any, of them the calibrated ones, and of those that scores can hardly tell apart the one with
// the best texture.
const Trial* recommended(std::vector<const Trial*> trials, double texture) {
  const double affordable = lowest_score(trials)->score * (1 + kCalibrationPrice);
  std::erase_if(trials, [&](const Trial* trial) { return !(trial->score <= affordable); });
  prefer(trials, [&](const Trial* trial) { return trial->variogram <= texture; });
  prefer(trials, [](const Trial* trial) { return is_calibrated(*trial); });
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
    const double here = score_on(trial, {}, {half});
    if (std::isfinite(here) && here >= score_on(cold, {}, {half})) return false;
  }
  return true;
}

const Trial& best_on(std::span<const Trial> trials, const Measured& measured, const Subset& subset,
                     double cost_max, int64_t members) {
  const Trial* best = nullptr;
  double best_score = kInfinity;
  for (const Trial& trial : trials) {
    if (is_control(trial.options) || cost(trial, members) > cost_max + 1e-9) continue;
    const double score = score_on(trial, measured, subset);
    if (best == nullptr || score < best_score) {
      best = &trial;
      best_score = score;
    }
  }
  SKIPCAST_CHECK(best != nullptr);
  return *best;
}

// Upper edges that cut the measures into `bins` equal parts; the last is infinity.
std::vector<double> edges(const Measured& measured, int64_t bins) {
  std::vector<double> sorted;
  for (const auto& [origin, value] : measured) sorted.push_back(value);
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> upper;
  for (int64_t b = 1; b < bins; ++b) {
    const double edge = sorted[static_cast<int64_t>(sorted.size()) * b / bins];
    if (upper.empty() || edge > upper.back()) upper.push_back(edge);
  }
  upper.push_back(kInfinity);
  return upper;
}

void add_share(const Contribution& of, double share, Contribution& to) {
  to.sum += share * of.sum;
  to.weight += share * of.weight;
}

// Scores of the confirming queries when each takes the trial of its bin (upper edges).
std::vector<Contribution> confirming_scores(const std::map<double, const Trial*>& by_edge,
                                            const Measured& measured) {
  std::vector<Contribution> scores;
  const std::vector<Contribution>& queries = by_edge.begin()->second->score_by_query;
  for (size_t i = 0; i < queries.size(); ++i) {
    if (half_of(static_cast<int64_t>(i)) != 1) continue;
    const auto bin = by_edge.lower_bound(measure_of(queries[i], measured));
    scores.push_back(bin->second->score_by_query[i]);
  }
  return scores;
}

PolicyFit choose_bins(std::span<const Trial> trials, const Measured& measured, int64_t count,
                      double cost_max, int64_t members) {
  PolicyFit choice;
  std::map<double, const Trial*> by_edge;
  double above = -kInfinity;
  for (const double edge : edges(measured, count)) {
    const Trial& best = best_on(trials, measured, {0, above, edge}, cost_max, members);
    choice.bins.push_back({edge, best.options});
    by_edge.emplace(edge, &best);
    above = edge;
  }
  choice.confirming = confirming_scores(by_edge, measured);
  return choice;
}

// A gain over the single setting that is large enough and hardly luck.
bool gains(const PolicyFit& choice, const PolicyFit& single, int64_t tries) {
  const BootstrapOptions sided = {.resamples = 5000,
                                  .level = 1 - 2 * kChance / static_cast<double>(tries)};
  const auto gain = paired_difference(choice.confirming, single.confirming, sided);
  return gain.ok() && gain->high < 0 && gain->mean < -kGainMin * gain->b;
}

}  // namespace

bool is_cold(const Trial& trial) {
  const bool conditioned = trial.options.retrieval_weight.value_or(0) > 0;
  return trial.options.start.kind == StartKind::kCold && !conditioned && !is_control(trial.options);
}

int64_t nfe_class(const Trial& trial) {
  constexpr double kRounding = 1e-9;
  return static_cast<int64_t>(std::ceil(trial.nfe - kRounding));
}

double cost(const Trial& trial, int64_t members) {
  return trial.nfe + trial.nfe_shared / static_cast<double>(members);
}

void mark_front(std::span<Trial> trials, int64_t members) {
  for (Trial& trial : trials) {
    trial.on_front = !is_control(trial.options) &&
                     std::none_of(trials.begin(), trials.end(), [&](const Trial& other) {
                       if (is_control(other.options)) return false;
                       const double here = cost(trial, members), there = cost(other, members);
                       return there <= here && other.score <= trial.score &&
                              (there < here || other.score < trial.score);
                     });
  }
}

std::map<int64_t, Trial> best_per_nfe(std::span<const Trial> trials, Starts starts) {
  std::map<int64_t, std::vector<const Trial*>> at_nfe;
  for (const Trial& trial : trials) {
    if (is_control(trial.options) || (starts == Starts::kCold && !is_cold(trial))) continue;
    at_nfe[nfe_class(trial)].push_back(&trial);
  }
  double texture = kInfinity;
  for (const Trial& trial : trials) {
    if (is_cold(trial)) texture = std::min(texture, trial.variogram * (1 + kTextureMargin));
  }
  std::map<int64_t, Trial> best;
  std::vector<const Trial*> affordable;
  for (const auto& [nfe, those] : at_nfe) {
    affordable.insert(affordable.end(), those.begin(), those.end());
    best.emplace(nfe, *recommended(affordable, texture));
  }
  return best;
}

const Trial* mid_chain_choice(std::span<const Trial> trials, double crps, int64_t members) {
  const Trial *cheapest = nullptr, *best = nullptr;
  for (const Trial& trial : trials) {
    if (trial.options.start.kind != StartKind::kAnalog || trial.nfe < 1) continue;
    if (is_control(trial.options)) continue;
    if (best == nullptr || trial.crps < best->crps) best = &trial;
    if (trial.crps > crps * (1 + kMidChainPrice)) continue;
    const double price = cost(trial, members);
    const double lowest = cheapest == nullptr ? kInfinity : cost(*cheapest, members);
    if (price < lowest || (price == lowest && trial.crps < cheapest->crps)) cheapest = &trial;
  }
  return cheapest != nullptr ? cheapest : best;
}

const Trial& single_choice(std::span<const Trial> trials, int64_t members) {
  std::vector<std::pair<const Trial*, double>> worthy;
  double best = kInfinity;
  for (const Trial& trial : trials) {
    if (is_control(trial.options)) continue;
    if (!is_cold(trial) && !beats_on_both(trial, cold_beside(trials, trial.nfe))) continue;
    worthy.emplace_back(&trial, mean_of(trial.score_by_query));
    best = std::min(best, worthy.back().second);
  }
  const auto preferred = [&](const Trial& a, const Trial& b) {
    if ((a.nfe > 0) != (b.nfe > 0)) return a.nfe > 0;  // a chain where it is as good
    const double here = cost(a, members), there = cost(b, members);
    return here != there ? here < there : a.score < b.score;
  };
  const auto found_within = [&](double price, bool calibrated) {
    const Trial* found = nullptr;
    for (const auto& [trial, score] : worthy) {
      if (score > best * (1 + price) || (calibrated && !is_calibrated(*trial))) continue;
      if (found == nullptr || preferred(*trial, *found)) found = trial;
    }
    return found;
  };
  const Trial* chosen = found_within(kCalibrationPrice, true);
  if (chosen == nullptr) chosen = found_within(kTolerance, false);
  SKIPCAST_CHECK(chosen != nullptr);
  return *chosen;
}

std::vector<const Trial*> runners_up(std::span<const Trial> trials, int64_t members, size_t count) {
  const Trial& single = single_choice(trials, members);
  std::map<int64_t, const Trial*> best;
  for (const Trial& trial : trials) {
    if (is_control(trial.options) || &trial == &single) continue;
    const Trial*& known = best[nfe_class(trial)];
    if (known == nullptr || trial.score < known->score) known = &trial;
  }
  std::vector<const Trial*> sorted;
  for (const auto& [nfe, trial] : best) sorted.push_back(trial);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Trial* a, const Trial* b) { return a->score < b->score; });
  sorted.resize(std::min(sorted.size(), count));
  return sorted;
}

PolicyFit fit_policy(std::span<const Trial> trials, const Measured& measured,
                     const FitRequest& request) {
  const Trial& single = single_choice(trials, request.members);
  const PolicyFit plain = {.bins = {{kInfinity, single.options}},
                           .confirming = confirming_scores({{kInfinity, &single}}, measured)};
  PolicyFit accepted = plain;
  if (is_cold(single) || measured.empty()) return accepted;
  const auto offer = [&](PolicyFit choice) {
    const bool better = mean_of(choice.confirming) < mean_of(accepted.confirming);
    if (better && gains(choice, plain, kShapes * request.measures)) accepted = std::move(choice);
  };
  for (const int64_t count : {3, 2}) {
    const double cost_max = cost(single, request.members);
    offer(choose_bins(trials, measured, count, cost_max, request.members));
  }
  const DepthFamily family(trials, single.options, request.schedule);
  if (const auto rule = fit_depth(family, measured)) {
    offer({{{kInfinity, single.options}}, rule->rule, rule->confirming});
  }
  // Above anything validation has seen: no analog is near, so the best cold start.
  double highest = 0;
  for (const auto& [origin, value] : measured) highest = std::max(highest, value);
  accepted.bins.back().distance_max = highest;
  accepted.bins.push_back({kInfinity, cold_beside(trials, kInfinity).options});
  return accepted;
}

int half_of(int64_t query) { return static_cast<int>((query / kBlock) % 2); }

std::vector<Setting> settings_of(const Policy& policy) {
  std::vector<Setting> settings;
  for (const PolicyBin& bin : policy.bins) {
    settings.push_back(bin.options);
    if (!policy.depth.on() || !can_deepen(bin.options)) continue;
    for (const double factor : kDepthFactors) {
      settings.push_back(deepened(bin.options, factor, policy.depth.range()));
    }
  }
  return settings;
}

PolicyScores policy_scores(std::span<const Trial> trials, const Measured& measured,
                           const Policy& policy, int64_t members) {
  PolicyScores scores;
  double queries = 0;
  Policy flat = policy;  // the bins' own settings, whose families hold every depth
  flat.depth = {};
  std::map<std::string, DepthFamily> families;
  for (size_t i = 0; i < trials.front().crps_by_query.size(); ++i) {
    const Contribution& query = trials.front().crps_by_query[i];
    const double measure = measure_of(query, measured);
    const Setting base = choose(flat, measure, {});
    const DepthFamily& family =
        families.try_emplace(identity(base), trials, base, policy.depth.range()).first->second;
    const auto mix = family.at(policy.depth.factor(measure));
    Contribution score = {.origin = query.origin}, crps = score;
    for (const auto& [trial, share] : mix) {
      add_share(trial->score_by_query[i], share, score);
      add_share(trial->crps_by_query[i], share, crps);
      scores.nfe += share * trial->nfe;
      scores.cost += share * cost(*trial, members);
      scores.energy += share * trial->energy;
    }
    scores.score.push_back(score);
    scores.crps.push_back(crps);
    queries += mix.empty() ? 0 : 1;
  }
  for (double* mean : {&scores.nfe, &scores.cost, &scores.energy}) *mean /= queries;
  return scores;
}

void validate(std::span<const Trial> trials, const Measured& measured, Policy& policy) {
  const PolicyScores scores = policy_scores(trials, measured, policy, 1);
  policy.validation_crps = mean_of(scores.crps);
  policy.validation_energy = scores.energy;
  policy.mean_nfe = scores.nfe;
}

}  // namespace skipcast::engine
