// Does what a sweep chose hold on windows that chose nothing? The best of hundreds of trials is
// partly lucky on the windows that chose it. So a few contenders and the untuned setting are scored
// on confirming windows, and the untuned setting stays unless one of them is shown to be better, or
// cheaper and not worse.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "engine/tuning/policy_maker.h"
#include "engine/tuning/trial_runner.h"

namespace skipcast::engine {

inline constexpr size_t kRunnersUp = 2;         // offered beside the single choice
inline constexpr double kLossMaxPercent = 1.0;  // that a cheaper setting may not have

// Scores on the confirming windows, and evaluations a member with a share of those in common.
struct Contender {
  std::vector<Contribution> scores;
  double cost = 0;
};

struct Decision {
  Outcome outcome = Outcome::kUntuned;
  size_t contender = 0;  // chosen; with kUntuned the first one
  Difference loss;       // its score less the untuned one's; no queries: they cannot be compared
};

// The first contender whose interval of the loss lies below zero; else the first that costs less
// and whose interval lies below kLossMaxPercent of the untuned score; else none. Paired block
// bootstrap, 95 % shared among the contenders (Bonferroni). REQUIRES a contender.
Decision decide(std::span<const Contender> contenders, const Contender& untuned);

// A trial as a contender.
Contender contender_of(const Trial& trial, int64_t members);

// Takes the sweep's trials to its policy. Not thread-safe.
class Confirmer {
 public:
  // All must outlive it.
  Confirmer(TrialRunner& runner, PolicyMaker& maker, const TuneRequest& request)
      : runner_(runner), maker_(maker), request_(request) {}

  struct Confirmed {
    Policy policy;
    Confirmation confirmation;
  };
  // From trials on all choosing windows: offers the policy that fits them and the runners up.
  // Errors of forecasts and searches.
  Result<Confirmed> confirmed(std::span<const Trial> trials);

 private:
  struct Offer {
    Policy policy;
    Contender contender;
  };
  Result<Trial> best_untuned();
  Result<Trial> confirming(const Setting& options);
  Result<Offer> offer(Policy policy);
  Result<std::vector<Offer>> offers(std::span<const Trial> trials);

  TrialRunner& runner_;
  PolicyMaker& maker_;
  const TuneRequest& request_;
  std::vector<Trial> run_;  // what was tried here
};

}  // namespace skipcast::engine
