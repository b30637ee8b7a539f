#include "engine/tuning/confirm.h"

#include <string>
#include <utility>

#include "engine/scores/bootstrap.h"
#include "engine/settings/options_json.h"
#include "engine/settings/presets.h"
#include "engine/settings/setting_table.h"
#include "engine/settings/words.h"
#include "engine/tuning/policy_fit.h"

namespace skipcast::engine {
namespace {

constexpr double kChance = 0.05;  // of an untrue outcome, over all contenders
constexpr int64_t kResamples = 5000;
constexpr size_t kQueriesMin = 8;  // below, a bootstrap interval says nothing

constexpr Words<Outcome, 3> kOutcomes = {
    {{"better", Outcome::kBetter}, {"cheaper", Outcome::kCheaper}, {"untuned", Outcome::kUntuned}}};

// No queries: they cannot be compared.
Difference loss_of(const Contender& contender, const Contender& untuned, double level) {
  if (contender.scores.size() < kQueriesMin) return {};
  const auto loss = paired_difference(contender.scores, untuned.scores,
                                      {.resamples = kResamples, .level = level});
  return loss.ok() ? *loss : Difference{};
}

bool is_better(const Difference& loss) { return loss.queries > 0 && loss.high < 0; }

bool is_not_worse(const Difference& loss) {
  return loss.queries > 0 && loss.percent_high() < kLossMaxPercent;
}

ExpectedGain gain_of(const Difference& loss, const Setting& untuned) {
  return {.over = describe(untuned),
          .windows = loss.queries,
          .percent = -loss.percent(),
          .low = -loss.percent_high(),
          .high = -loss.percent_low()};
}

}  // namespace

const char* word(Outcome outcome) { return to_word(kOutcomes, outcome); }

Decision decide(std::span<const Contender> contenders, const Contender& untuned) {
  SKIPCAST_CHECK(!contenders.empty());
  const double level = 1 - kChance / static_cast<double>(contenders.size());
  std::vector<Difference> losses;
  for (const Contender& each : contenders) losses.push_back(loss_of(each, untuned, level));
  for (size_t i = 0; i < losses.size(); ++i) {
    if (is_better(losses[i])) return {Outcome::kBetter, i, losses[i]};
  }
  for (size_t i = 0; i < losses.size(); ++i) {
    const bool cheaper = contenders[i].cost < untuned.cost;
    if (cheaper && is_not_worse(losses[i])) return {Outcome::kCheaper, i, losses[i]};
  }
  return {Outcome::kUntuned, 0, losses.front()};
}

Contender contender_of(const Trial& trial, int64_t members) {
  return {trial.score_by_query, cost(trial, members)};
}

// The untuned setting that scores better on the choosing windows.
Result<Trial> Confirmer::best_untuned() {
  std::optional<Trial> best;
  for (const Setting& options : untuned_settings()) {
    SKIPCAST_TRY(Trial trial, runner_.trial(options, {WindowRole::kChoosing, request_.windows}));
    run_.push_back(trial);
    if (!best || trial.score < best->score) best = std::move(trial);
  }
  return *std::move(best);
}

Result<Trial> Confirmer::confirming(const Setting& options) {
  const std::string wanted = identity(options);
  for (const Trial& known : run_) {
    const bool here = known.role == WindowRole::kConfirming;
    if (here && identity(known.options) == wanted) return known;
  }
  SKIPCAST_TRY(Trial trial,
               runner_.trial(options, {WindowRole::kConfirming, request_.confirm_windows}));
  run_.push_back(trial);
  return trial;
}

// A policy and what it scores.
Result<Confirmer::Offer> Confirmer::offer(Policy policy) {
  std::vector<Trial> trials;
  for (const Setting& options : settings_of(policy)) {
    SKIPCAST_TRY(Trial trial, confirming(options));
    trials.push_back(std::move(trial));
  }
  Measured measured;
  if (!is_fixed(policy)) {
    SKIPCAST_TRY(measured, maker_.measure(policy, WindowRole::kConfirming));
  }
  PolicyScores scores = policy_scores(trials, measured, policy, request_.members);
  return Offer{std::move(policy), {std::move(scores.score), scores.cost}};
}

Result<std::vector<Confirmer::Offer>> Confirmer::offers(std::span<const Trial> trials) {
  std::vector<Offer> all;
  SKIPCAST_TRY(Policy best, maker_.best(trials));
  SKIPCAST_TRY(Offer first, offer(std::move(best)));
  all.push_back(std::move(first));
  for (const Trial* trial : runners_up(trials, request_.members, kRunnersUp)) {
    SKIPCAST_TRY(Offer next, offer(maker_.fixed(*trial)));
    all.push_back(std::move(next));
  }
  return all;
}

Result<Confirmer::Confirmed> Confirmer::confirmed(std::span<const Trial> trials) {
  SKIPCAST_TRY(const Trial untuned, best_untuned());
  Confirmed made = {.policy = maker_.fixed(untuned)};
  made.confirmation.untuned = untuned.options;
  if (runner_.origins({WindowRole::kConfirming, request_.confirm_windows}).empty()) {
    made.confirmation.trials = std::move(run_);
    return made;
  }
  SKIPCAST_TRY(std::vector<Offer> all, offers(trials));
  SKIPCAST_TRY(const Trial beside, confirming(untuned.options));
  std::vector<Contender> contenders;
  for (const Offer& each : all) contenders.push_back(each.contender);
  const Decision decision = decide(contenders, contender_of(beside, request_.members));
  Policy& offered = all[decision.contender].policy;
  made.confirmation.outcome = decision.outcome;
  made.confirmation.offered = describe(offered.bins.front().options);
  made.confirmation.loss = decision.loss;
  if (decision.outcome != Outcome::kUntuned) {
    made.policy = std::move(offered);
    made.policy.expected = gain_of(decision.loss, untuned.options);
  }
  made.confirmation.trials = std::move(run_);
  return made;
}

}  // namespace skipcast::engine
