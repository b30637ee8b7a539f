// What tuning minimises, by the words users say, and a trial by what it scored.
#include "engine/settings/words.h"
#include "engine/tuning/tuner.h"

namespace skipcast::engine {
namespace {

constexpr Words<Objective, 4> kObjectives = {{{"crps", Objective::kCrps},
                                              {"energy", Objective::kEnergy},
                                              {"variogram", Objective::kVariogram},
                                              {"mix", Objective::kMix}}};

// Half the sum of two means, each query with weight 1.
Contribution half_each(const Contribution& a, const Contribution& b) {
  if (a.weight == 0 || b.weight == 0) return {.origin = a.origin};
  return {.origin = a.origin, .sum = (a.sum / a.weight + b.sum / b.weight) / 2, .weight = 1};
}

}  // namespace

Result<Objective> objective_from(std::string_view word) {
  return from_word(kObjectives, "objective", word);
}
const char* word(Objective objective) { return to_word(kObjectives, objective); }

std::vector<Contribution> contributions_of(const ScoreTable& scores, Objective objective) {
  switch (objective) {
    case Objective::kCrps:
      return scores.contributions(Metric::kCrpsFair);
    case Objective::kEnergy:
      return scores.contributions(Metric::kEnergyFair);
    case Objective::kVariogram:
      return scores.contributions(Metric::kVariogram);
    case Objective::kMix:
      break;
  }
  std::vector<Contribution> mixed = scores.contributions(Metric::kCrpsFair);
  const std::vector<Contribution> energy = scores.contributions(Metric::kEnergyFair);
  for (size_t i = 0; i < mixed.size(); ++i) mixed[i] = half_each(mixed[i], energy[i]);
  return mixed;
}

Trial trial_of(const Setting& options, const ScoreTable& scores, Objective objective) {
  const Scores all = scores.overall();
  Trial trial = {.options = options,
                 .windows = all.queries,
                 .crps = all.crps_fair,
                 .energy = all.energy_fair,
                 .variogram = all.variogram,
                 .spread_skill = all.spread_skill,
                 .crps_by_query = scores.contributions(Metric::kCrpsFair),
                 .score_by_query = contributions_of(scores, objective)};
  SKIPCAST_CHECK(!scores.rows().empty());
  for (int64_t lead = 0; lead < scores.rows().front().shape.lead_times; ++lead) {
    trial.lead_spread_skill.push_back(scores.at_lead(lead).spread_skill);
  }
  trial.score = mean_of(trial.score_by_query);
  return trial;
}

}  // namespace skipcast::engine
