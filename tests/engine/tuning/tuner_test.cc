// labels: unit
#include "engine/tuning/tuner.h"

// Before anything else that brings doctest or a CHECK of LibTorch.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "engine/forecast/policy_forecast.h"
#include "engine/forecast/start_table.h"
#include "engine/tuning/plans.h"
#include "tests/support/gaussian_city.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::Setting;
using engine::StartKind;
using engine::Trial;
using engine::TuneReport;
using engine::TuneRequest;

constexpr engine::Split kSplit = {.states = 500, .train_end = 300, .validation_end = 400};

struct Archive {
  TempDir folder;
  std::unique_ptr<storage::SeriesStore> store;
  std::shared_ptr<GaussianModel> model;
  std::unique_ptr<engine::Forecaster> forecaster;

  explicit Archive(const std::vector<float>& values = ar1_values(500, 2)) {
    auto made = storage::SeriesStore::create(folder.file("ar.skc"), memory_schema(1, 2));
    REQUIRE(made.ok());
    store = std::move(made).value();
    REQUIRE(store->append({.states = 500, .values = values}).ok());
    model = gaussian_model(*store, kSplit);
    auto opened = engine::Forecaster::with_model(*store, model);
    REQUIRE(opened.ok());
    forecaster = std::move(opened).value();
  }
};

TuneRequest small_request() {
  return {.budget_minutes = 5, .windows = 20, .members = 4, .nfe_max = 2};
}

TuneReport tuned(Archive& archive, const TuneRequest& request) {
  auto report = engine::tune(*archive.forecaster, request);
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  return std::move(report).value();
}

std::map<std::string, double> scores_of(const TuneReport& report) {
  std::map<std::string, double> scores;
  for (const Trial& trial : report.trials) {
    scores[engine::describe(trial.options) + " " + std::to_string(trial.windows)] = trial.crps;
  }
  return scores;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

TEST_CASE("TunerPlan: sigmas run from sigma_min to sigma_max, evenly in the logarithm") {
  const auto sigmas = engine::sigma_grid({.sigma_min = 0.02, .sigma_max = 80}, 9);
  REQUIRE(sigmas.size() == 9);
  CHECK(sigmas.front() == 0.02);
  CHECK(sigmas.back() == 80);
  for (size_t i = 1; i < 9; ++i) {
    CHECK(sigmas[i] / sigmas[i - 1] == doctest::Approx(std::pow(4000, 1.0 / 8)));
  }
}

TEST_CASE("TunerPlan: NFE 0 to the most, each once, and no setting twice") {
  const auto order = engine::nfe_order(10);
  CHECK(std::set<int64_t>(order.begin(), order.end()).size() == 11);
  CHECK((engine::nfe_order(2) == std::vector<int64_t>{2, 0, 1}));
  std::set<std::string> seen;
  const auto plan = engine::wide_plan({{.sigma_min = 0.02, .sigma_max = 80}, 6}, 3);
  for (const Setting& options : plan) seen.insert(engine::describe(options));
  CHECK(seen.size() == plan.size());
  std::set<double> sigmas;
  for (const Setting& options : plan) sigmas.insert(*options.depth.entry_sigma);
  CHECK(*sigmas.begin() == 0.02);
  CHECK(*sigmas.rbegin() == 80);
}

TEST_CASE("TunerPlan: the best analogs are refined in sigma, mix and separation") {
  const engine::TuneSpace space = {{.sigma_min = 0.02, .sigma_max = 80}, 6};
  engine::StartOptions start = {
      .kind = StartKind::kAnalog, .key = engine::KeyKind::kMixed, .key_mix = 0.1, .separation = 6};
  Trial good = {.options = {.start = start, .steps = 3}, .score = 0.3};
  good.options.depth.entry_sigma = 2;
  start.key = engine::KeyKind::kContext;
  Trial worse = {.options = {.start = start, .steps = 3}, .score = 0.4};
  worse.options.depth.entry_sigma = 5;
  Trial free = {.options = {.start = start, .steps = 0}, .score = 0.2};
  free.options.start.alignment = engine::Alignment::kNone;
  std::set<std::string> plan;
  const engine::RefineBasis basis = {{worse, good}, {free}};
  for (const auto& part : {engine::first_plan(basis, 3), engine::refine_plan(space, basis, 3)}) {
    for (const Setting& options : part) plan.insert(engine::describe(options));
  }
  CHECK(engine::first_plan(basis, 3).size() == 3);
  const double half = std::sqrt(std::pow(4000, 1.0 / 8));
  const auto at = [](const std::string& key, double sigma) {
    return fmt::format("analog key={} align=offset sigma={:g} steps=3 dpmpp_2m", key, sigma);
  };
  const auto unaligned = [](double sigma) {
    return fmt::format("analog key=context apart=6 align=none sigma={:g} steps=3 dpmpp_2m", sigma);
  };
  CHECK((plan == std::set<std::string>{
                     "cold steps=3 dpmpp_2m", at("context apart=6", 5), unaligned(2),
                     unaligned(2 * half), unaligned(2 / half), at("mixed mix=0.1 apart=6", 2),
                     at("mixed mix=0.1 apart=6", 2 * half), at("mixed mix=0.1 apart=6", 2 / half),
                     at("mixed mix=0.05 apart=6", 2), at("mixed mix=0.2 apart=6", 2),
                     at("mixed mix=0.1", 2)}));
}

TEST_CASE("TunerPlan: the best analogs without a chain are tried with other neighbours") {
  engine::StartOptions start = {
      .kind = StartKind::kAnalog, .key = engine::KeyKind::kMixed, .key_mix = 0.1, .separation = 6};
  const Trial best = {.options = {.start = start, .steps = 0}, .score = 0.2};
  start.key_mix = 0.05;
  const Trial other = {.options = {.start = start, .steps = 0}, .score = 0.3};
  std::set<std::string> plan;
  for (const Setting& options : engine::near_free_plan({{other, best}})) {
    plan.insert(engine::describe(options));
  }
  CHECK((plan ==
         std::set<std::string>{"analog key=mixed mix=0.05 apart=6 align=offset steps=0 dpmpp_2m",
                               "analog key=mixed mix=0.2 apart=6 align=offset steps=0 dpmpp_2m",
                               "analog key=mixed mix=0.1 align=offset steps=0 dpmpp_2m"}));
}

TEST_CASE("Tuner: a sweep has cold at every NFE, a front, a CSV and a policy that loads") {
  Archive archive;
  archive.model->moments = false;
  const TuneReport report = tuned(archive, small_request());
  CHECK_FALSE(report.budget_spent);
  CHECK(report.trials_reused == 0);
  REQUIRE(report.cold_per_nfe.size() == 2);
  REQUIRE(report.best_per_nfe.size() == 3);
  for (const auto& [nfe, trial] : report.best_per_nfe) {
    CHECK(trial.windows == 20);
    CHECK(trial.nfe <= double(nfe));
  }
  for (const int64_t nfe : {1, 2}) {
    CHECK(report.best_per_nfe.at(nfe).crps <= report.cold_per_nfe.at(nfe).crps * 1.015);
  }
  CHECK(std::any_of(report.trials.begin(), report.trials.end(),
                    [](const Trial& trial) { return trial.on_front; }));
  CHECK(engine::load_policy(*archive.forecaster, "ar").ok());
  CHECK((report.nfe_policies == std::vector<std::string>{"ar-nfe0", "ar-nfe1", "ar-nfe2"}));
  for (size_t nfe = 0; nfe < 3; ++nfe) {
    const auto fixed = engine::load_policy(*archive.forecaster, report.nfe_policies[nfe]);
    REQUIRE(fixed.ok());
    REQUIRE(fixed->bins.size() == 1);
    CHECK(engine::describe(fixed->bins[0].options) ==
          engine::describe(report.best_per_nfe.at(int64_t(nfe)).options));
  }
  REQUIRE(report.mid_chain);
  CHECK(report.mid_chain->options.start.kind == StartKind::kAnalog);
  CHECK(report.mid_chain->nfe >= 1);
  CHECK(report.mid_chain_policy == "ar-chain");
  CHECK(engine::load_policy(*archive.forecaster, "ar-chain").ok());
  const std::string csv = text_of(report.front_csv_path);
  CHECK(csv.starts_with("nfe,nfe_shared,nfe_with_shared,seconds,crps,energy,"));
  const auto complete = std::count_if(report.trials.begin(), report.trials.end(),
                                      [](const Trial& trial) { return trial.windows == 20; });
  CHECK(std::count(csv.begin(), csv.end(), '\n') == complete + 1);
  CHECK(csv.find(",random,") != std::string::npos);  // measured
  for (const auto& [nfe, trial] : report.best_per_nfe) {
    CHECK_FALSE(engine::is_control(trial.options));
  }
  for (const auto& bin : report.policy.bins) CHECK_FALSE(engine::is_control(bin.options));
  // One evaluation from pure noise has no spread, however inflated: something better is found.
  CHECK(report.best_per_nfe.at(2).crps < report.cold_per_nfe.at(1).crps);
  for (const bool cold : {true, false}) {
    CHECK(std::any_of(report.trials.begin(), report.trials.end(), [&](const Trial& trial) {
      return (trial.options.start.kind == StartKind::kCold) == cold &&
             !trial.options.inflation.empty();
    }));
  }
}

TEST_CASE("Tuner: what it chose is compared with the untuned setting on other windows") {
  Archive archive;
  const TuneReport report = tuned(archive, small_request());
  const engine::Confirmation& made = report.confirmation;
  REQUIRE(made.loss.queries > 8);
  std::set<int64_t> choosing, confirming;
  for (const Trial& trial : report.trials) {
    CHECK(trial.role == engine::WindowRole::kChoosing);
    for (const auto& query : trial.crps_by_query) choosing.insert(query.origin);
  }
  for (const Trial& trial : made.trials) {
    auto& mine = trial.role == engine::WindowRole::kChoosing ? choosing : confirming;
    for (const auto& query : trial.crps_by_query) mine.insert(query.origin);
  }
  CHECK(int64_t(confirming.size()) == made.loss.queries);
  const int64_t apart = 7 * archive.store->schema().axis.step_s;
  for (const int64_t origin : confirming) {
    const auto near = choosing.lower_bound(origin - apart + 1);
    CHECK((near == choosing.end() || *near >= origin + apart));
  }
  if (made.outcome == engine::Outcome::kUntuned) {
    CHECK(report.policy.expected.windows == 0);
    CHECK(report.policy.bins.size() == 1);
    CHECK(report.policy.bins[0].options == made.untuned);
  } else {
    CHECK(report.policy.expected.windows == made.loss.queries);
    CHECK(report.policy.expected.percent == doctest::Approx(-made.loss.percent()));
    CHECK(report.policy.expected.over == engine::describe(made.untuned));
  }
}

TEST_CASE("Tuner: without windows to confirm on, the untuned setting is the policy") {
  Archive archive;
  archive.forecaster.reset();
  archive.model =
      gaussian_model(*archive.store, {.states = 500, .train_end = 300, .validation_end = 310});
  archive.forecaster =
      std::move(engine::Forecaster::with_model(*archive.store, archive.model)).value();
  const TuneReport report = tuned(archive, small_request());
  CHECK(report.confirmation.outcome == engine::Outcome::kUntuned);
  CHECK(report.confirmation.loss.queries == 0);
  REQUIRE(report.policy.bins.size() == 1);
  CHECK(report.policy.bins[0].options == report.confirmation.untuned);
}

TEST_CASE("Tuner: gms is tried where the model has moments, cold starts too, and nowhere else") {
  for (const bool moments : {true, false}) {
    Archive archive;
    archive.model->moments = moments;
    bool cold = false, any = false;
    for (const Trial& trial : tuned(archive, small_request()).trials) {
      if (trial.options.solver != "gms") continue;
      any = true;
      cold = cold || trial.options.start.kind == StartKind::kCold;
    }
    CHECK(any == moments);
    CHECK(cold == moments);
  }
}

TEST_CASE("Tuner: a second run reuses every line and ends with the same policy") {
  Archive archive;
  const TuneReport first = tuned(archive, small_request());
  const std::string lines = text_of(first.trials_path);
  const TuneReport second = tuned(archive, small_request());
  CHECK(text_of(second.trials_path) == lines);
  CHECK(second.trials_reused ==
        static_cast<int64_t>(second.trials.size() + second.confirmation.trials.size()));
  CHECK(scores_of(first) == scores_of(second));
  CHECK(to_json(first.policy) == to_json(second.policy));
  TuneRequest other = small_request();
  other.seed = 2;
  CHECK(tuned(archive, other).trials_reused == 0);
}

TEST_CASE("Tuner: an interrupted sweep, its last line torn, continues to the same result") {
  Archive whole, broken;
  const TuneReport expected = tuned(whole, small_request());
  TuneRequest request = small_request();
  int calls = 0;
  request.progress = [&calls](const ProgressStep&) { return ++calls < 500; };
  CHECK(engine::tune(*broken.forecaster, request).status().code() == Code::kInterrupted);
  const std::string path = broken.store->path() + "/policies/ar.trials.jsonl";
  const std::string lines = text_of(path);
  const auto done = std::count(lines.begin(), lines.end(), '\n');
  CHECK(done > 5);
  std::ofstream(path, std::ios::trunc) << lines.substr(0, lines.size() - 30);
  const TuneReport resumed = tuned(broken, small_request());
  CHECK(resumed.trials_reused == done - 1);
  CHECK(scores_of(resumed) == scores_of(expected));
}

TEST_CASE("Tuner: nothing of the test part reaches a trial") {
  std::vector<float> values = ar1_values(500, 2);
  Archive original(values);
  for (size_t i = 2 * 400; i < values.size(); ++i) {
    values[i] = i % 7 == 0 ? std::nanf("") : 1000 * values[i] + 5;
  }
  Archive replaced(values);
  const TuneReport a = tuned(original, small_request()), b = tuned(replaced, small_request());
  CHECK(scores_of(a) == scores_of(b));
  REQUIRE(a.policy.bins.size() == b.policy.bins.size());
  for (size_t i = 0; i < a.policy.bins.size(); ++i) {
    CHECK(a.policy.bins[i].distance_max == b.policy.bins[i].distance_max);
    CHECK(engine::describe(a.policy.bins[i].options) == engine::describe(b.policy.bins[i].options));
  }
  const int64_t last = original.store->schema().axis.time_at(399);
  for (const Trial& trial : a.trials) {
    for (const engine::Contribution& query : trial.crps_by_query) CHECK(query.origin < last);
  }
}

TEST_CASE("Tuner: a spent budget still gives one NFE with its cold start and a policy") {
  Archive archive;
  TuneRequest request = small_request();
  request.budget_minutes = 1e-6;
  const TuneReport report = tuned(archive, request);
  CHECK(report.budget_spent);
  CHECK(report.cold_per_nfe.size() >= 1);
  CHECK_FALSE(report.policy.bins.empty());
}

TEST_CASE("Tuner: wrong requests are refused") {
  Archive archive;
  TuneRequest request = small_request();
  request.members = 0;
  CHECK(engine::tune(*archive.forecaster, request).status().code() == Code::kUsage);
  request = small_request();
  request.budget_minutes = 0;
  CHECK(engine::tune(*archive.forecaster, request).status().code() == Code::kUsage);
}

}  // namespace
}  // namespace skipcast::tests
