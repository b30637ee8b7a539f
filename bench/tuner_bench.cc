// Does tuning do harm? A fixed list of settings, of the sort that a sweep tries, is scored once on
// many validation windows. Then many sweeps are replayed on them, each with choosing and confirming
// windows of its own draw, by the functions that the tuner calls; what a sweep ends with is scored
// on test windows beside the untuned setting. Two rules without confirming windows are replayed
// beside it, on the windows of both roles: the best of all trials, and the single choice.
//   tuner_bench ARCHIVE TASK [--settings 48] [--validation 600] [--test 300] [--members 16]
//     [--windows 100] [--confirm-windows 200] [--draws 30] [--json FILE]
// Takes minutes. One thread. Test scores choose nothing.
#include <ATen/Parallel.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

#include "bench/pairs.h"
#include "engine/evaluation/evaluate.h"
#include "engine/forecast/start_table.h"
#include "engine/settings/options_json.h"
#include "engine/settings/presets.h"
#include "engine/tuning/confirm.h"
#include "engine/tuning/plans.h"
#include "engine/tuning/policy_fit.h"
#include "engine/tuning/variations.h"

namespace skipcast::bench {
namespace {

using namespace skipcast::engine;

struct Options {
  std::string archive, task, json;
  std::map<std::string, int64_t> numbers = {
      {"settings", 48}, {"validation", 600}, {"test", 300},           {"members", 16},
      {"windows", 100}, {"draws", 30},       {"confirm-windows", 200}};
  int64_t of(const char* name) const { return numbers.at(name); }
};

[[noreturn]] void stop(const std::string& why) {
  fmt::print(stderr, "tuner_bench: {}\n", why);
  std::exit(1);
}

template <typename T>
T value_of(Result<T> result) {
  if (!result.ok()) stop(result.status().message());
  return std::move(result).value();
}

Options options_from(int argc, char** argv) {
  Options options;
  std::vector<std::string> places;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool named = argument.starts_with("--");
    if (named && i + 1 == argc) stop(argument + " needs a value");
    if (!named) {
      places.push_back(argument);
    } else if (argument == "--json") {
      options.json = argv[++i];
    } else if (const auto at = options.numbers.find(argument.substr(2));
               at != options.numbers.end()) {
      at->second = std::atoll(argv[++i]);
    } else {
      stop("unknown option " + argument);
    }
  }
  if (places.size() != 2) stop("usage: tuner_bench ARCHIVE TASK [--draws 30] ... [--json FILE]");
  options.archive = places[0];
  options.task = places[1];
  return options;
}

// `count` of a plan, evenly spaced, that are not there yet.
void take(const std::vector<Setting>& plan, size_t count, std::vector<Setting>& settings) {
  std::set<std::string> known;
  for (const Setting& each : settings) known.insert(identity(each));
  for (size_t i = 0; i < count; ++i) {
    const Setting& each = plan[i * plan.size() / count];
    if (known.insert(identity(each)).second) settings.push_back(each);
  }
}

// Of what a sweep tries up to four evaluations: all starts (blind ones too), keys, alignments,
// sigmas, and knobs turned about a likely setting.
std::vector<Setting> settings_to_try(const TuneSpace& space, int64_t count) {
  const auto share = [count](double part) {
    return static_cast<size_t>(part * static_cast<double>(count));
  };
  Setting likely = {.start = {.separation = space.separation}, .steps = 3};
  likely.depth.entry_sigma = 3;
  std::vector<Setting> settings;
  take(cold_plan(space, 4), share(0.2), settings);
  take(no_chain_plan(space), share(0.1), settings);
  take(wide_plan(space, 3), share(0.25), settings);
  take(wide_plan(space, 4), share(0.15), settings);
  take(wide_plan(space, 2), share(0.1), settings);
  take(variations(likely, 3, space), share(0.2), settings);
  return settings;
}

// A setting with its scores, on test windows when they are first asked for.
struct Scored {
  Setting setting;
  ScoreTable validation, test;
  double nfe = 0, nfe_shared = 0;
};

class Bench {
 public:
  Bench(Forecaster& forecaster, const Options& options)
      : forecaster_(forecaster),
        options_(options),
        origins_(scored_origins(forecaster, Part::kValidation, options.of("validation"))) {}

  void score_all();
  nlohmann::json replay();

 private:
  struct End {
    size_t chosen = 0, untuned = 0;
    Outcome outcome = Outcome::kUntuned;
    Difference loss;
  };
  struct Tally {
    int64_t worse = 0, surely_worse = 0, untuned = 0;
    double gain = 0, expected = 0, nfe = 0;
  };
  CandidateScores score(const Setting& setting, Part part);
  std::vector<Trial> trials_on(const std::vector<int64_t>& origins) const;
  std::vector<int64_t> drawn(WindowRole role, uint64_t seed) const;
  size_t untuned_of(const std::vector<Trial>& all) const;
  End confirmed(uint64_t seed) const;
  End unconfirmed(uint64_t seed, bool any) const;
  Difference on_test(size_t chosen, size_t untuned);
  void count(const End& end, Tally& tally);
  nlohmann::json summary(const char* rule, const Tally& tally) const;

  Forecaster& forecaster_;
  const Options& options_;
  std::vector<int64_t> origins_;
  std::vector<Scored> scored_;
  size_t tried_ = 0;  // of scored_; the untuned settings come after them
};

CandidateScores Bench::score(const Setting& setting, Part part) {
  EvaluateRequest request = {.part = part,
                             .windows_max = options_.of("test"),
                             .members = options_.of("members"),
                             .candidates = {{.name = describe(setting), .options = {setting, {}}}},
                             .score = {.pairs_max = 64},
                             .physical_scores = false};
  if (part == Part::kValidation) request.origins = origins_;
  return std::move(value_of(evaluate(forecaster_, request)).rows.front());
}

void Bench::score_all() {
  const TuneSpace space = space_of(forecaster_, options_.of("members"));
  std::vector<Setting> settings = settings_to_try(space, options_.of("settings"));
  tried_ = settings.size();
  for (const Setting& each : untuned_settings()) settings.push_back(each);
  for (const Setting& setting : settings) {
    CandidateScores row = score(setting, Part::kValidation);
    fmt::print("{:.4f} {:>4.3g} NFE  {}\n", row.normalised.crps_fair, row.nfe, row.name);
    std::fflush(stdout);
    scored_.push_back({setting, std::move(row.normalised_rows), {}, row.nfe, row.nfe_shared});
  }
}

std::vector<int64_t> Bench::drawn(WindowRole role, uint64_t seed) const {
  const auto& spec = forecaster_.model().task().spec;
  const char* name = role == WindowRole::kChoosing ? "windows" : "confirm-windows";
  const WindowDraw draw = {role, options_.of(name), seed};
  return drawn_of(origins_of_role(origins_, spec.context_states + spec.future_states, draw), draw);
}

// What every setting, untuned ones too, does on these windows.
std::vector<Trial> Bench::trials_on(const std::vector<int64_t>& origins) const {
  std::set<int64_t> times;
  for (const int64_t origin : origins) {
    times.insert(forecaster_.store().schema().axis.time_at(origin));
  }
  std::vector<Trial> trials;
  for (const Scored& each : scored_) {
    ScoreTable part;
    for (const ScoreRow& row : each.validation.rows()) {
      if (times.contains(row.origin)) part.add(row);
    }
    trials.push_back(trial_of(each.setting, part, Objective::kCrps));
    trials.back().nfe = each.nfe;
    trials.back().nfe_shared = each.nfe_shared;
  }
  return trials;
}

size_t Bench::untuned_of(const std::vector<Trial>& all) const {
  size_t best = tried_;
  for (size_t i = tried_; i < all.size(); ++i) {
    if (all[i].score < all[best].score) best = i;
  }
  return best;
}

// As the tuner ends a sweep; policies are single settings.
Bench::End Bench::confirmed(uint64_t seed) const {
  const int64_t members = options_.of("members");
  const std::vector<Trial> all = trials_on(drawn(WindowRole::kChoosing, seed));
  const std::vector<Trial> beside = trials_on(drawn(WindowRole::kConfirming, seed));
  const std::span<const Trial> trials = std::span(all).first(tried_);
  std::vector<const Trial*> offered = {&single_choice(trials, members)};
  for (const Trial* trial : runners_up(trials, members, kRunnersUp)) offered.push_back(trial);
  const auto number = [&all](const Trial* trial) {
    return static_cast<size_t>(trial - all.data());
  };
  std::vector<Contender> contenders;
  for (const Trial* trial : offered) {
    contenders.push_back(contender_of(beside[number(trial)], members));
  }
  End end = {.untuned = untuned_of(all)};
  const Decision decision = decide(contenders, contender_of(beside[end.untuned], members));
  end.outcome = decision.outcome;
  end.loss = decision.loss;
  end.chosen =
      decision.outcome == Outcome::kUntuned ? end.untuned : number(offered[decision.contender]);
  return end;
}

// Chosen on the windows of both roles: the best of any trial, or the single choice.
Bench::End Bench::unconfirmed(uint64_t seed, bool any) const {
  std::vector<int64_t> origins = drawn(WindowRole::kChoosing, seed);
  for (const int64_t origin : drawn(WindowRole::kConfirming, seed)) origins.push_back(origin);
  const std::vector<Trial> all = trials_on(origins);
  const std::span<const Trial> trials = std::span(all).first(tried_);
  const auto lower = [](const Trial& a, const Trial& b) { return a.score < b.score; };
  const Trial* best = any ? &*std::min_element(trials.begin(), trials.end(), lower)
                          : &single_choice(trials, options_.of("members"));
  End end = {.chosen = static_cast<size_t>(best - all.data()), .untuned = untuned_of(all)};
  const auto loss =
      paired_difference(all[end.chosen].score_by_query, all[end.untuned].score_by_query);
  end.outcome = Outcome::kBetter;
  end.loss = value_of(loss);
  return end;
}

Difference Bench::on_test(size_t chosen, size_t untuned) {
  for (const size_t number : {chosen, untuned}) {
    Scored& each = scored_[number];
    if (each.test.rows().empty()) each.test = score(each.setting, Part::kTest).normalised_rows;
  }
  return value_of(
      paired_difference(scored_[chosen].test, scored_[untuned].test, Metric::kCrpsFair));
}

void Bench::count(const End& end, Tally& tally) {
  const auto draws = static_cast<double>(options_.of("draws"));
  tally.nfe += scored_[end.chosen].nfe / draws;
  if (end.chosen == end.untuned) {
    ++tally.untuned;
    return;
  }
  const Difference loss = on_test(end.chosen, end.untuned);
  tally.worse += loss.mean > 0;
  tally.surely_worse += loss.low > 0;
  tally.gain -= loss.percent() / draws;
  tally.expected -= end.loss.percent() / draws;
}

nlohmann::json Bench::summary(const char* rule, const Tally& tally) const {
  fmt::print(
      "{:<28} worse {:>2}, surely {:>2}, untuned kept {:>2} of {}; test gain {:+.2f} %, "
      "expected {:+.2f} %, {:.1f} NFE\n",
      rule, tally.worse, tally.surely_worse, tally.untuned, options_.of("draws"), tally.gain,
      tally.expected, tally.nfe);
  return {{"rule", rule},
          {"worse", tally.worse},
          {"surely_worse", tally.surely_worse},
          {"untuned_kept", tally.untuned},
          {"draws", options_.of("draws")},
          {"gain_percent", tally.gain},
          {"expected_percent", tally.expected},
          {"nfe", tally.nfe}};
}

nlohmann::json Bench::replay() {
  Tally confirming, best, single;
  nlohmann::json sweeps = nlohmann::json::array();
  for (int64_t draw = 0; draw < options_.of("draws"); ++draw) {
    const auto seed = static_cast<uint64_t>(draw);
    const End end = confirmed(seed);
    count(end, confirming);
    count(unconfirmed(seed, true), best);
    count(unconfirmed(seed, false), single);
    const Difference test = on_test(end.chosen, end.untuned);
    fmt::print("{:>3} {:<8} expected {:+.2f} % [{:+.2f}, {:+.2f}] of {}, test {:+.2f} %: {}\n",
               draw, word(end.outcome), -end.loss.percent(), -end.loss.percent_high(),
               -end.loss.percent_low(), end.loss.queries, -test.percent(),
               describe(scored_[end.chosen].setting));
    sweeps.push_back({{"outcome", word(end.outcome)},
                      {"setting", describe(scored_[end.chosen].setting)},
                      {"untuned", describe(scored_[end.untuned].setting)},
                      {"expected_percent", -end.loss.percent()},
                      {"confirm_windows", end.loss.queries},
                      {"test_percent", -test.percent()}});
  }
  return {{"settings", tried_},
          {"rules",
           {summary("confirmed", confirming), summary("best of all trials", best),
            summary("single choice, unconfirmed", single)}},
          {"sweeps", std::move(sweeps)}};
}

int run(const Options& options) {
  at::set_num_threads(1);
  const auto store =
      value_of(storage::SeriesStore::open(options.archive, storage::OpenMode::kReadOnly));
  const auto forecaster = value_of(Forecaster::open(*store, options.task));
  Bench bench(*forecaster, options);
  bench.score_all();
  const nlohmann::json result = bench.replay();
  if (!options.json.empty()) std::ofstream(options.json) << result.dump(2) << "\n";
  return 0;
}

}  // namespace
}  // namespace skipcast::bench

int main(int argc, char** argv) {
  return skipcast::bench::run(skipcast::bench::options_from(argc, argv));
}
