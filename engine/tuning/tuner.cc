#include "engine/tuning/tuner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>

#include "engine/tuning/confirm.h"
#include "engine/tuning/depth_fit.h"
#include "engine/tuning/front_file.h"
#include "engine/tuning/level_fit.h"
#include "engine/tuning/plans.h"
#include "engine/tuning/policy_fit.h"
#include "engine/tuning/policy_maker.h"
#include "engine/tuning/trial_log.h"
#include "engine/tuning/trial_runner.h"
#include "engine/tuning/trial_set.h"
#include "engine/tuning/variations.h"
#include "storage/files/file_io.h"

namespace skipcast::engine {
namespace {

// Shares of the budget that may be spent by the end of each stage.
constexpr double kCoarseShare = 0.2, kVaryShare = 0.4, kLevelShare = 0.5, kRefineShare = 0.85;
constexpr double kDeepenShare = 0.9;            // what is left is for confirming
constexpr int kRounds = 2;                      // of variation about the best setting so far
constexpr int64_t kLevelNfeMax = 6;             // beyond, levels are many and each matters little
constexpr double kLevelFactors[] = {1.5, 1.2};  // factors by which single levels are moved
constexpr int64_t kCoarseWindowsMin = 16, kFirstWindowsMin = 8;
constexpr double kSurvive = 1.0 / 3;  // of a plan, from the first rung to the coarse one
constexpr double kFirstShare = 0.45;  // of what is left of a stage's budget, for the first rung
constexpr size_t kSurvivorsMin = 12;
constexpr int64_t kWideNfe = 3;  // where every start, key, alignment and sigma is tried
constexpr size_t kFinals = 3;    // of each NFE, tried on all windows as they are

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

class Tuner {
 public:
  Tuner(Forecaster& forecaster, const TuneRequest& request, TrialLog& log)
      : forecaster_(forecaster),
        request_(request),
        log_(log),
        runner_(forecaster, request, log),
        maker_(forecaster, request),
        space_(space_of(forecaster, request.members)),
        fitter_(forecaster, {.origins = runner_.origins(choosing(coarse_windows())),
                             .members = request.members,
                             .seed = request.seed,
                             .archive = request.archive}) {}

  Status sweep();
  Result<TuneReport> report() &&;

 private:
  enum class Budget { kLimited, kUnlimited };

  Status coarse();
  Status halve(const std::vector<Setting>& plan);
  Status vary();
  Status vary_at(int64_t nfe, bool cold);
  Status fit_levels();
  Status fit(const Trial& best);
  Status refine();
  Status deepen();
  Status confirm();
  Status run(const std::vector<Setting>& plan, int64_t windows, Budget budget);
  int64_t first_windows() const {
    return std::min(coarse_windows(), std::max(kFirstWindowsMin, coarse_windows() / 4));
  }
  static TrialRunner::On choosing(int64_t windows) { return {WindowRole::kChoosing, windows}; }
  bool out_of_budget() const { return runner_.spent_s() >= allowed_s_; }
  std::vector<Trial> coarse_at(int64_t nfe) const { return trials_.on(coarse_windows(), nfe); }
  std::vector<Trial> best_coarse(int64_t nfe, bool cold, size_t count) const {
    return trials_.best({coarse_windows(), nfe, cold}, count);
  }
  std::vector<Trial> full() const { return trials_.on(request_.windows); }
  RefineBasis basis(int64_t nfe) const;
  std::vector<Setting> finals(int64_t nfe, size_t count) const;
  int64_t coarse_windows() const {
    return std::min(request_.windows, std::max(kCoarseWindowsMin, request_.windows / 4));
  }

  Forecaster& forecaster_;
  const TuneRequest& request_;
  TrialLog& log_;
  TrialRunner runner_;
  PolicyMaker maker_;
  const TuneSpace space_;
  LevelFitter fitter_;
  TrialSet trials_;
  std::optional<Confirmer::Confirmed> confirmed_;
  double allowed_s_ = 0;  // of new trials
  bool left_out_ = false;
};

Status Tuner::run(const std::vector<Setting>& plan, int64_t windows, Budget budget) {
  for (const Setting& options : plan) {
    if (trials_.holds(options, windows)) continue;
    const bool known = runner_.knows(options, choosing(windows));
    if (!known && budget == Budget::kLimited && out_of_budget()) {
      left_out_ = true;
      continue;  // later ones may be known from an earlier run
    }
    SKIPCAST_TRY(Trial trial, runner_.trial(options, choosing(windows)));
    trials_.add(std::move(trial));
  }
  return {};
}

RefineBasis Tuner::basis(int64_t nfe) const {
  RefineBasis basis = {.coarse = coarse_at(nfe), .free = trials_.free(request_.windows)};
  if (std::all_of(basis.coarse.begin(), basis.coarse.end(), is_cold)) {
    basis.coarse = coarse_at(std::min(kWideNfe, request_.nfe_max));
  }
  return basis;
}

// Successive halving (Jamieson & Talwalkar 2016): the plan on a quarter of the coarse windows, its
// best third on all of them. Unless the budget is spent, the second rung has some of it.
Status Tuner::halve(const std::vector<Setting>& plan) {
  const double allowed_s = allowed_s_;
  const double spent_s = runner_.spent_s();
  allowed_s_ = spent_s + kFirstShare * (allowed_s - spent_s);
  const Status first = run(plan, first_windows(), Budget::kLimited);
  allowed_s_ = allowed_s;
  SKIPCAST_TRY_OK(first);
  const size_t wanted = static_cast<size_t>(kSurvive * static_cast<double>(plan.size()));
  return run(trials_.best_of(plan, first_windows(), std::max(wanted, kSurvivorsMin)),
             coarse_windows(), Budget::kLimited);
}

// Everything at one NFE, then what was good there at the others.
Status Tuner::coarse() {
  allowed_s_ = kCoarseShare * request_.budget_minutes * 60;
  const int64_t wide = std::min(kWideNfe, request_.nfe_max);
  SKIPCAST_TRY_OK(run(cold_plan(space_, request_.nfe_max), coarse_windows(), Budget::kLimited));
  SKIPCAST_TRY_OK(run(no_chain_plan(space_), coarse_windows(), Budget::kLimited));
  SKIPCAST_TRY_OK(halve(one_step_plan(space_)));
  SKIPCAST_TRY_OK(halve(wide_plan(space_, wide)));
  const std::vector<Trial> seen = coarse_at(wide);
  for (const int64_t nfe : nfe_order(request_.nfe_max)) {
    if (nfe == wide || nfe == 0) continue;
    SKIPCAST_TRY_OK(halve(transfer_plan(space_, seen, nfe)));
  }
  return {};
}

// One knob after the other about the best setting of each NFE; cold starts get the same help.
Status Tuner::vary() {
  allowed_s_ = kVaryShare * request_.budget_minutes * 60;
  for (const int64_t nfe : nfe_order(request_.nfe_max)) {
    for (const bool cold : {false, true}) {
      for (int round = 0; round < kRounds; ++round) SKIPCAST_TRY_OK(vary_at(nfe, cold));
    }
  }
  return {};
}

// Every knob about the best coarse setting there is now.
Status Tuner::vary_at(int64_t nfe, bool cold) {
  for (const Trial& best : best_coarse(nfe, cold, 1)) {
    std::vector<Setting> plan = variations(best.options, nfe, space_);
    for (const auto& more : {anytime(best.options), calibrated(best)}) {
      plan.insert(plan.end(), more.begin(), more.end());
    }
    SKIPCAST_TRY_OK(halve(plan));
  }
  return {};
}

// Optimised schedules, cold too: by an error bound, learned through the solver, then coordinate
// descent on the levels of the best so far.
Status Tuner::fit_levels() {
  allowed_s_ = kLevelShare * request_.budget_minutes * 60;
  for (const int64_t nfe : nfe_order(std::min(request_.nfe_max, kLevelNfeMax))) {
    for (const bool cold : {false, true}) {
      for (const Trial& best : best_coarse(nfe, cold, 1)) SKIPCAST_TRY_OK(fit(best));
      for (const double factor : kLevelFactors) {
        for (const Trial& best : best_coarse(nfe, cold, 1)) {
          SKIPCAST_TRY_OK(run(moved_levels(best.options, space_.schedule, factor), coarse_windows(),
                              Budget::kLimited));
        }
      }
    }
  }
  return {};
}

// The levels of this setting fitted, with its own solver and with the one they were fitted for.
Status Tuner::fit(const Trial& best) {
  const Setting base = plain_chain(best.options);
  const std::vector<double> levels = levels_of(base, space_.schedule);
  if (levels.size() < 2 || static_cast<double>(levels.size()) != best.nfe) return {};
  std::optional<std::vector<Setting>> lists = log_.found_from(base);
  if (!lists && out_of_budget()) {
    left_out_ = true;
    return {};
  }
  if (!lists) {
    if (!tell(request_.progress, {runner_.fraction(), "tune", "levels of " + describe(base)})) {
      return Status(Code::kInterrupted, "tuning stopped");
    }
    const auto begin = std::chrono::steady_clock::now();
    SKIPCAST_TRY(lists, fitter_.lists(base));
    SKIPCAST_TRY_OK(log_.add_found(base, *lists));
    runner_.add_spent(seconds_since(begin));
  }
  return run(with_lists(best.options, *lists), coarse_windows(), Budget::kLimited);
}

// The best coarse settings of an NFE as they are, cold ones first.
std::vector<Setting> Tuner::finals(int64_t nfe, size_t count) const {
  std::vector<Setting> plan;
  for (const bool cold : {true, false}) {
    for (const Trial& trial : best_coarse(nfe, cold, count)) plan.push_back(trial.options);
  }
  return plan;
}

// The best of each NFE on all windows, cold beside them; the first NFE whatever the budget. Starts
// without a chain cost next to nothing: all of them.
Status Tuner::refine() {
  allowed_s_ = kRefineShare * request_.budget_minutes * 60;
  Budget budget = Budget::kUnlimited;
  SKIPCAST_TRY_OK(run(no_chain_plan(space_), request_.windows, budget));
  SKIPCAST_TRY_OK(run(near_free_plan(trials_.free(request_.windows)), request_.windows, budget));
  const std::vector<int64_t> all = nfe_order(request_.nfe_max);
  std::vector<int64_t> order = all;
  std::erase(order, 0);
  const int64_t first = order.front();
  SKIPCAST_TRY_OK(run(first_plan(basis(first), first), request_.windows, budget));
  budget = Budget::kLimited;
  for (const size_t count : {size_t{1}, kFinals}) {  // something at every NFE before more of one
    for (const int64_t nfe : all) {
      SKIPCAST_TRY_OK(run(finals(nfe, count), request_.windows, budget));
    }
  }
  for (const int64_t nfe : order) {
    SKIPCAST_TRY_OK(run(first_plan(basis(nfe), nfe), request_.windows, budget));
  }
  for (const int64_t nfe : order) {
    SKIPCAST_TRY_OK(run(refine_plan(space_, basis(nfe), nfe), request_.windows, budget));
  }
  return run(cold_plan(space_, request_.nfe_max), request_.windows, budget);
}

// The policy's setting at other depths, for a rule of depth; another setting may win by that.
Status Tuner::deepen() {
  allowed_s_ = kDeepenShare * request_.budget_minutes * 60;
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<Trial> trials = full();
    const Setting& single = single_choice(trials, request_.members).options;
    std::vector<Setting> plan;
    for (const double factor : kDepthFactors) {
      if (can_deepen(single)) plan.push_back(deepened(single, factor, space_.schedule));
    }
    SKIPCAST_TRY_OK(run(plan, request_.windows, Budget::kLimited));
  }
  return {};
}

Status Tuner::sweep() {
  SKIPCAST_TRY_OK(coarse());
  SKIPCAST_TRY_OK(vary());
  SKIPCAST_TRY_OK(fit_levels());
  SKIPCAST_TRY_OK(refine());
  SKIPCAST_TRY_OK(deepen());
  return confirm();
}

// Whatever the budget: without it nothing is chosen.
Status Tuner::confirm() {
  Confirmer confirmer(runner_, maker_, request_);
  SKIPCAST_TRY(confirmed_, confirmer.confirmed(full()));
  return {};
}

Result<TuneReport> Tuner::report() && {
  TuneReport report;
  report.members = request_.members;
  const std::string folder =
      (std::filesystem::path(forecaster_.store().path()) / "policies").string();
  const std::string base = folder + "/" + request_.name;
  report.policy_path = base + ".json";
  report.front_csv_path = base + ".front.csv";
  report.trials_path = base + ".trials.jsonl";
  std::vector<Trial> complete = full();
  report.policy = std::move(confirmed_->policy);
  report.confirmation = std::move(confirmed_->confirmation);
  SKIPCAST_TRY_OK(save(report.policy, report.policy_path));
  mark_front(complete, request_.members);
  std::stable_sort(complete.begin(), complete.end(), [](const Trial& a, const Trial& b) {
    return a.nfe != b.nfe ? a.nfe < b.nfe : a.score < b.score;
  });
  SKIPCAST_TRY_OK(
      storage::write_file_durably(report.front_csv_path, front_csv(complete, request_.members)));
  report.best_per_nfe = best_per_nfe(complete, Starts::kAny);
  report.cold_per_nfe = best_per_nfe(complete, Starts::kCold);
  SKIPCAST_TRY(report.nfe_policies, maker_.save_fixed(report.best_per_nfe, "nfe", folder));
  SKIPCAST_TRY(report.cold_policies, maker_.save_fixed(report.cold_per_nfe, "cold", folder));
  const double crps = report.policy.validation_crps;
  if (const Trial* entered = mid_chain_choice(complete, crps, request_.members)) {
    report.mid_chain = *entered;
    SKIPCAST_TRY(report.mid_chain_policy, maker_.save_one(*entered, "chain", folder));
  }
  report.trials_reused = runner_.reused();
  report.budget_spent = left_out_;
  for (const Trial& trial : trials_.all()) {
    if (trial.windows != request_.windows) report.trials.push_back(trial);
  }
  report.trials.insert(report.trials.end(), complete.begin(), complete.end());
  return report;
}

}  // namespace

Result<TuneReport> tune(Forecaster& forecaster, const TuneRequest& request) {
  if (std::min({request.windows, request.confirm_windows, request.members, request.nfe_max}) < 1) {
    return usage("tuning needs at least 1 window, 1 member and 1 evaluation");
  }
  if (!(request.budget_minutes > 0)) return usage("the budget must be more than 0 minutes");
  TuneRequest named = request;
  if (named.name.empty()) {
    named.name = std::filesystem::path(forecaster.model().task().name).stem().string();
  }
  const auto drawn = [&](WindowRole role) {
    return std::ssize(drawn_origins(forecaster, Part::kValidation, draw_of(named, role)));
  };
  named.windows = drawn(WindowRole::kChoosing);
  named.confirm_windows = drawn(WindowRole::kConfirming);
  if (named.windows < 1) {
    return usage(fmt::format("task {} has no observed window in its validation part",
                             forecaster.model().task().name));
  }
  const auto folder = std::filesystem::path(forecaster.store().path()) / "policies";
  std::error_code ignored;  // opening the log reports a folder that cannot be made
  std::filesystem::create_directories(folder, ignored);
  SKIPCAST_TRY(const std::unique_ptr<TrialLog> log,
               TrialLog::open((folder / (named.name + ".trials.jsonl")).string(),
                              context_of(forecaster, named)));
  Tuner tuner(forecaster, named, *log);
  SKIPCAST_TRY_OK(tuner.sweep());
  return std::move(tuner).report();
}

}  // namespace skipcast::engine
