// labels: unit
#include "engine/settings/policy.h"

#include "engine/forecast/policy_forecast.h"

// Before anything else that brings doctest or a CHECK of LibTorch.
#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/forecast/start_table.h"
#include "engine/tuning/policy_fit.h"
#include "tests/support/gaussian_city.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::Alignment;
using engine::ArchiveMode;
using engine::KeyKind;
using engine::Policy;
using engine::Setting;
using engine::StartKind;
using engine::Trial;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const samplers::ScheduleOptions kRange = {.sigma_min = 0.02, .sigma_max = 80};

Setting analog(double sigma, int64_t steps) {
  Setting options = {.steps = steps};
  options.start = {
      .kind = StartKind::kAnalog, .key = KeyKind::kForecast, .alignment = Alignment::kResidual};
  options.depth.entry_sigma = sigma;
  return options;
}

Setting cold(int64_t steps) { return {.start = {.kind = StartKind::kCold}, .steps = steps}; }

Policy two_bins() {
  Policy policy = {.name = "p",
                   .task = "ar",
                   .archive_id = "00112233445566778899aabbccddeeff",
                   .model_fingerprint = "00000000000000a1"};
  policy.validation_crps = 0.1 + 0.2;
  policy.expected = {"cold", 200, 1.0 / 3, -0.1, 0.7};
  policy.bins = {{1.5, analog(1.0 / 3, 3)}, {kInfinity, cold(4)}};
  policy.bins[0].options.start.decay_tau = 6;
  return policy;
}

TEST_CASE("Policy: chooses by distance and keeps the caller's members, seed and archive") {
  const Policy policy = two_bins();
  const engine::ForecastRequest base = {.members = 5,
                                        .seed = 77,
                                        .archive = ArchiveMode::kFrozen,
                                        .tuning_band = true,
                                        .member_batch = 2};
  const engine::ForecastOptions near = choose(policy, 1.5, base);
  CHECK(near.start.kind == StartKind::kAnalog);
  CHECK(near.steps == 3);
  CHECK(*near.depth.entry_sigma == 1.0 / 3);
  CHECK(near.members == 5);
  CHECK(near.seed == 77);
  CHECK(near.archive == ArchiveMode::kFrozen);
  CHECK(near.tuning_band);
  CHECK(near.member_batch == 2);
  CHECK(choose(policy, 1.51, base).start.kind == StartKind::kCold);
  CHECK(choose(policy, kInfinity, base).steps == 4);
}

TEST_CASE("Policy: JSON keeps every bit") {
  const Policy policy = two_bins();
  const auto back = engine::policy_from_json(to_json(policy));
  REQUIRE_MESSAGE(back.ok(), back.status().message());
  CHECK(to_json(*back) == to_json(policy));
  CHECK(back->validation_crps == policy.validation_crps);
  CHECK(back->expected.over == "cold");
  CHECK(back->expected.windows == 200);
  CHECK(back->expected.percent == policy.expected.percent);
  CHECK(back->expected.low == policy.expected.low);
  CHECK(back->expected.high == policy.expected.high);
  CHECK(*back->bins[0].options.depth.entry_sigma == 1.0 / 3);
  CHECK(back->bins[0].options.start.decay_tau == 6);
  CHECK(back->bins[1].options.start.decay_tau == kInfinity);
  CHECK(back->bins[1].distance_max == kInfinity);
}

TEST_CASE("Policy: JSON keeps solver settings, and is silent about those not made") {
  Policy policy = two_bins();
  CHECK(to_json(policy).find("noise") == std::string::npos);
  Setting& options = policy.bins[0].options;
  options.solver = "dpmpp_2m_sde";
  options.noise_amount = 0.1 + 0.2;
  options.noise_scale = 1.0 / 3;
  options.rho = 5.5;
  options.spacing = skipcast::samplers::Spacing::kVp;
  options.depth = {.sigmas = {5, 1.0 / 7, 0.1}};
  const auto back = engine::policy_from_json(to_json(policy));
  REQUIRE_MESSAGE(back.ok(), back.status().message());
  const Setting again = choose(*back, 0, {});
  CHECK(again.solver == "dpmpp_2m_sde");
  CHECK(again.noise_amount == 0.1 + 0.2);
  CHECK(again.noise_scale == 1.0 / 3);
  CHECK(again.rho == 5.5);
  CHECK((again.spacing == skipcast::samplers::Spacing::kVp));
  CHECK((again.depth.sigmas == options.depth.sigmas));
}

TEST_CASE("Policy: words of an earlier version are read") {
  Policy policy = two_bins();
  policy.measure = engine::Measure::kDisagreement;
  auto object = nlohmann::json::parse(to_json(policy));
  CHECK(object["measure"] == "disagreement");
  object["measure"] = "spread";
  object["bins"][0]["options"]["spread"] = 0.5;
  object.erase("crc32c");
  const auto back = engine::policy_from_json(object.dump());
  REQUIRE_MESSAGE(back.ok(), back.status().message());
  CHECK(back->measure == engine::Measure::kDisagreement);
  CHECK(back->bins[0].options.start.added_noise == 0.5);
}

TEST_CASE("Policy: a setting that is none is refused in a sentence that names the key") {
  auto object = nlohmann::json::parse(to_json(two_bins()));
  object.erase("crc32c");
  object["bins"][1]["options"]["steps"] = "four";
  const Status wrong = engine::policy_from_json(object.dump()).status();
  CHECK(wrong.code() == Code::kBadInput);
  CHECK(wrong.message().find("\"steps\"") != std::string::npos);
}

TEST_CASE("Policy: text that is no policy is refused") {
  for (const char* text : {"", "{", "[]", "{}", "{\"format\": \"other\"}", "null"}) {
    CHECK(engine::policy_from_json(text).status().code() == Code::kBadInput);
  }
  std::string deep = to_json(two_bins());  // its checksum would be printed by recursion
  const std::string nested = std::string(300'000, '[') + std::string(300'000, ']') + ",";
  deep.insert(deep.find("\"bins\": [") + 9, nested);
  CHECK(engine::policy_from_json(deep).status().code() == Code::kBadInput);
  std::string newer = to_json(two_bins());
  newer.replace(newer.find("\"version\": 1"), 12, "\"version\": 2");
  CHECK(engine::policy_from_json(newer).status().code() == Code::kUnsupported);
  Policy unordered = two_bins();
  unordered.bins[0].distance_max = kInfinity;
  CHECK(engine::policy_from_json(to_json(unordered)).status().code() == Code::kBadInput);
  Policy open_ended = two_bins();
  open_ended.bins.pop_back();
  CHECK(engine::policy_from_json(to_json(open_ended)).status().code() == Code::kBadInput);
}

struct Archive {
  TempDir folder;
  std::unique_ptr<storage::SeriesStore> store;
  std::unique_ptr<engine::Forecaster> forecaster;

  Archive() {
    auto made = storage::SeriesStore::create(folder.file("ar.skc"), memory_schema(1, 2));
    REQUIRE(made.ok());
    store = std::move(made).value();
    REQUIRE(store->append({.states = 300, .values = ar1_values(300, 2)}).ok());
    const engine::Split split = {.states = 300, .train_end = 180, .validation_end = 240};
    auto opened = engine::Forecaster::with_model(*store, gaussian_model(*store, split));
    REQUIRE(opened.ok());
    forecaster = std::move(opened).value();
  }

  Policy policy() const {
    Policy mine = two_bins();
    mine.archive_id = store->store_id();
    return mine;
  }
};

TEST_CASE("Policy: loads by name or path, refuses another model's and another archive's") {
  Archive archive;
  const std::string path = archive.store->path() + "/policies/mine.json";
  REQUIRE(save(archive.policy(), path).ok());
  CHECK(engine::load_policy(*archive.forecaster, "mine").ok());
  CHECK(engine::load_policy(*archive.forecaster, path).ok());

  const Status missing = engine::load_policy(*archive.forecaster, "yours").status();
  CHECK(missing.code() == Code::kNotFound);
  CHECK(missing.message().find("mine") != std::string::npos);

  Policy other = archive.policy();
  other.model_fingerprint = "ffffffffffffffff";
  REQUIRE(save(other, path).ok());
  const Status retrained = engine::load_policy(*archive.forecaster, "mine").status();
  CHECK(retrained.code() == Code::kRefused);
  CHECK(retrained.message().find("skipcast tune") != std::string::npos);

  other = archive.policy();
  other.archive_id = "ffeeddccbbaa99887766554433221100";
  REQUIRE(save(other, path).ok());
  CHECK(engine::load_policy(*archive.forecaster, "mine").status().code() == Code::kRefused);
}

TEST_CASE("Policy: forecasts with what it chooses and counts its own evaluations") {
  Archive archive;
  Policy policy = archive.policy();
  policy.distance_key = KeyKind::kMixed;
  policy.distance_mix = 0.25;
  policy.bins[0].distance_max = 1e9;
  const engine::ForecastRequest base = {.members = 6, .seed = 3};
  const auto made = forecast_by(*archive.forecaster, policy, 250, base);
  REQUIRE_MESSAGE(made.ok(), made.status().message());
  const auto direct = archive.forecaster->forecast(250, choose(policy, 0, base));
  CHECK(at::equal(made->members, direct->members));
  CHECK(made->nfe_shared == 1);  // one mean forecast for distance, key and alignment
  CHECK(direct->nfe_shared == 1);
  policy.bins[0].distance_max = 0;
  const auto far = forecast_by(*archive.forecaster, policy, 250, base);
  CHECK(far->nfe == 4);
  CHECK(far->nfe_shared == 1);
  CHECK(far->analogs.empty());
}

TEST_CASE("Policy: measures a query's analogs, and a rule of depth changes where it enters") {
  Archive archive;
  const engine::ForecastOptions nearest = {{}, {.members = 8}};
  const auto distance = archive.forecaster->measure(250, nearest, engine::Measure::kDistance);
  const auto spread = archive.forecaster->measure(250, nearest, engine::Measure::kDisagreement);
  REQUIRE(distance.ok());
  REQUIRE(spread.ok());
  CHECK(*distance > 0);
  // Futures of eight analogs moved to the query's last state differ by their innovations.
  CHECK(*spread > 0.1);
  CHECK(*spread < 2);
  const engine::ForecastOptions alone = {{}, {.members = 1}};
  CHECK(*archive.forecaster->measure(250, alone, engine::Measure::kDisagreement) == 0);

  Policy policy = archive.policy();
  policy.measure = engine::Measure::kDisagreement;
  policy.bins = {{kInfinity, analog(1, 3)}};
  policy.distance_key = KeyKind::kContext;
  policy.depth = {.center = *spread, .width = 1, .shift = 0.5, .sigma_min = 0.02, .sigma_max = 80};
  const engine::ForecastRequest base = {.members = 6, .seed = 3};
  const auto made = forecast_by(*archive.forecaster, policy, 250, base);
  REQUIRE_MESSAGE(made.ok(), made.status().message());
  CHECK(made->entry_sigma == doctest::Approx(std::exp(0.5)));
  const auto chosen = engine::choose_for(*archive.forecaster, policy, 250, base);
  REQUIRE(chosen.ok());
  CHECK(at::equal(archive.forecaster->forecast(250, *chosen)->members, made->members));
}

// A trial whose CRPS of query i (distance i) is below or above the cut.
Trial trial(const Setting& options, double near, double far, int64_t queries = 48) {
  Trial made = {.options = options, .windows = queries};
  made.nfe = static_cast<double>(options.steps);
  for (int64_t i = 0; i < queries; ++i) {
    // Distances cycle through the queries, so that both halves see all of them.
    made.score_by_query.push_back({i, (i % 12) < 6 ? near : far, 1});
  }
  made.score = (near + far) / 2;
  return made;
}

engine::Measured cycling_distances(int64_t queries = 48) {
  engine::Measured distances;
  for (int64_t i = 0; i < queries; ++i) distances[i] = static_cast<double>(i % 12);
  return distances;
}

TEST_CASE("PolicyFit: the front holds what nothing beats at no more cost") {
  std::vector<Trial> trials = {trial(cold(4), 1, 1), trial(analog(1, 2), 0.9, 0.9),
                               trial(analog(2, 4), 0.8, 0.8), trial(analog(3, 4), 0.85, 0.85),
                               trial(cold(1), 1.5, 1.5)};
  trials[2].nfe_shared = 1;
  engine::mark_front(trials, 16);
  CHECK_FALSE(trials[0].on_front);
  CHECK(trials[1].on_front);
  CHECK(trials[2].on_front);
  CHECK(trials[3].on_front);  // cheaper by the shared evaluation
  CHECK(trials[4].on_front);
  trials.push_back(trial(analog(5, 6), 0.95, 0.95));
  const auto best = engine::best_per_nfe(trials, engine::Starts::kAny);
  REQUIRE(best.size() == 4);
  CHECK(best.at(1).score == doctest::Approx(1.5));
  CHECK(best.at(2).score == doctest::Approx(0.9));
  CHECK(best.at(4).score == doctest::Approx(0.8));
  CHECK(best.at(6).score == doctest::Approx(0.8));  // six evaluations need not be spent
  CHECK(engine::best_per_nfe(trials, engine::Starts::kCold).size() == 2);
}

TEST_CASE("PolicyFit: blind controls are measured and never chosen, however they score") {
  const auto blind = [](StartKind kind, int64_t steps) {
    Setting setting = analog(1, steps);
    setting.start.kind = kind;
    return trial(setting, 0.1, 0.1);
  };
  Setting mismatched = analog(1, 3);
  mismatched.mismatched_retrieval = true;
  std::vector<Trial> trials = {trial(cold(3), 1, 1),          trial(analog(1, 3), 0.9, 0.9),
                               blind(StartKind::kRandom, 3),  blind(StartKind::kRandom, 0),
                               blind(StartKind::kPersist, 2), blind(StartKind::kMismatched, 3),
                               trial(mismatched, 0.1, 0.1)};
  CHECK(&engine::single_choice(trials, 16) == &trials[1]);
  CHECK(engine::mid_chain_choice(trials, 0.1, 16) == &trials[1]);
  const auto best = engine::best_per_nfe(trials, engine::Starts::kAny);
  REQUIRE(best.size() == 1);
  CHECK(best.at(3).score == doctest::Approx(0.9));
  CHECK(engine::best_per_nfe(trials, engine::Starts::kCold).size() == 1);
  for (const auto& bin : engine::fit_policy(trials, cycling_distances(), {16, kRange}).bins) {
    CHECK_FALSE(engine::is_control(bin.options));
  }
  engine::mark_front(trials, 16);
  CHECK(trials[1].on_front);
  for (size_t i = 2; i < trials.size(); ++i) CHECK_FALSE(trials[i].on_front);
}

TEST_CASE("PolicyFit: analogs alone are chosen only where no chain is as good") {
  std::vector<Trial> trials = {trial(cold(3), 1, 1), trial(analog(1, 0), 0.8, 0.8),
                               trial(analog(1, 3), 0.803, 0.803)};
  CHECK(engine::single_choice(trials, 16).options.steps == 3);
  trials[2] = trial(analog(1, 3), 0.81, 0.81);
  CHECK(engine::single_choice(trials, 16).options.steps == 0);
}

TEST_CASE("PolicyFit: the mid-chain setting is the cheapest within a percent, else the best") {
  const auto made = [](const Setting& options, double crps) {
    Trial each = trial(options, crps, crps);
    each.crps = crps;
    return each;
  };
  std::vector<Trial> trials = {made(cold(1), 0.5), made(analog(3, 0), 1), made(analog(1, 4), 1.02)};
  CHECK(engine::mid_chain_choice(std::span(trials).first(2), 1, 16) == nullptr);
  CHECK(engine::mid_chain_choice(trials, 1, 16) == &trials[2]);
  trials.push_back(made(analog(3, 6), 1.0));
  trials.push_back(made(analog(2, 3), 1.009));
  trials.push_back(made(analog(2, 2), 1.011));
  CHECK(engine::mid_chain_choice(trials, 1, 16) == &trials[4]);
  CHECK(engine::mid_chain_choice(trials, 1.5, 16) == &trials[5]);
}

TEST_CASE("PolicyFit: calibration is worth one percent of score, texture half a percent") {
  const auto made = [](double score, double spread_skill, double variogram) {
    Trial each = trial(analog(1, 3), score, score);
    each.spread_skill = spread_skill;
    each.variogram = variogram;
    return each;
  };
  const auto chosen = [](const std::vector<Trial>& trials) {
    return engine::best_per_nfe(trials, engine::Starts::kAny).begin()->second.score;
  };
  CHECK(chosen({made(1, 0.8, 2), made(1.009, 0.95, 9)}) == 1.009);
  CHECK(chosen({made(1, 0.8, 2), made(1.011, 0.95, 1)}) == 1);
  CHECK(chosen({made(1, 1, 2), made(1.004, 1, 1), made(1.006, 1, 0.5)}) == 1.004);
  CHECK(chosen({made(1, 0.7, 2), made(1.004, 0.7, 1)}) == 1.004);
  Trial far = trial(cold(3), 2, 2);
  far.variogram = 1;
  CHECK(chosen({made(1, 1, 1.1), made(1.009, 1, 1.01), far}) == 1.009);
  CHECK(chosen({made(1, 1, 1.1), made(1.009, 1, 1.02), far}) == 1);
}

TEST_CASE("PolicyFit: the cheapest within half a percent of the best is chosen, cold if as good") {
  const std::vector<Trial> trials = {trial(cold(3), 1, 1), trial(cold(6), 0.95, 0.95),
                                     trial(analog(1, 6), 0.9, 0.9),
                                     trial(analog(2, 3), 0.904, 0.904)};
  CHECK(engine::single_choice(trials, 16).options.steps == 3);
  CHECK(engine::single_choice(trials, 16).options.start.kind == StartKind::kAnalog);
  std::vector<Trial> luck = trials;  // the analog is good on the choosing half alone
  for (int64_t i = 0; i < 48; ++i) {
    if ((i / 4) % 2 == 1) {
      luck[2].score_by_query[i].sum = 2;
      luck[3].score_by_query[i].sum = 2;
    }
  }
  CHECK(engine::single_choice(luck, 16).options.start.kind == StartKind::kCold);
}

TEST_CASE("PolicyFit: a setting that is lucky on one half does not hide one good on both") {
  std::vector<Trial> trials = {trial(cold(3), 1, 1), trial(analog(1, 3), 0.9, 0.9),
                               trial(analog(2, 3), 0.5, 0.5)};
  for (int64_t i = 0; i < 48; ++i) {
    if ((i / 4) % 2 == 1) trials[2].score_by_query[i].sum = 1.1;
  }
  CHECK(*engine::single_choice(trials, 16).options.depth.entry_sigma == 1);
}

TEST_CASE("PolicyFit: bins appear where the held-back half confirms them, cold beyond all seen") {
  const std::vector<Trial> trials = {trial(cold(3), 1, 1), trial(cold(8), 0.96, 0.96),
                                     trial(analog(1, 3), 0.5, 0.95), trial(analog(9, 3), 0.9, 0.7)};
  const auto bins = engine::fit_policy(trials, cycling_distances(), {16, kRange}).bins;
  REQUIRE(bins.size() >= 3);
  CHECK(*bins.front().options.depth.entry_sigma == 1);
  CHECK(*bins[bins.size() - 2].options.depth.entry_sigma == 9);
  CHECK(bins[bins.size() - 2].distance_max == 11);
  CHECK(bins.back().options.start.kind == StartKind::kCold);
  CHECK(bins.back().options.steps == 8);  // rare, so worth its evaluations
  CHECK(bins.back().distance_max == kInfinity);
}

TEST_CASE("PolicyFit: bins that only luck supports are not accepted") {
  std::vector<Trial> trials = {trial(cold(3), 1, 1), trial(analog(1, 3), 0.7, 0.8),
                               trial(analog(9, 3), 0.8, 0.79)};
  for (int64_t i = 0; i < 48; ++i) {
    if ((i / 4) % 2 == 1) trials[2].score_by_query[i].sum = 0.9;
  }
  const auto bins = engine::fit_policy(trials, cycling_distances(), {16, kRange}).bins;
  REQUIRE(bins.size() == 2);
  CHECK(*bins[0].options.depth.entry_sigma == 1);
  CHECK(bins[1].options.start.kind == StartKind::kCold);
}

TEST_CASE("PolicyFit: a gain that one measure would confirm is luck among many") {
  // On the confirming half the far bin's own setting wins in most blocks and loses in some.
  std::vector<Trial> trials = {trial(cold(3), 1, 1), trial(analog(1, 3), 0.7, 0.8),
                               trial(analog(9, 3), 0.8, 0.7)};
  for (int64_t i = 0; i < 48; ++i) {
    if ((i / 4) % 12 == 11) trials[2].score_by_query[i].sum = 0.86;
  }
  for (Trial& each : trials) {
    for (int64_t i = 0; i < 24; ++i) {
      engine::Contribution later = each.score_by_query[i];
      later.origin += 48;
      each.score_by_query.push_back(later);
    }
  }
  const auto shapes = [&](int64_t measures) {
    return engine::fit_policy(trials, cycling_distances(72), {16, kRange, measures}).bins.size();
  };
  CHECK(shapes(1) > 2);
  CHECK(shapes(1000) == 2);
}

TEST_CASE("PolicyFit: when cold is best there is one bin, cold") {
  const std::vector<Trial> trials = {trial(cold(3), 0.5, 0.5), trial(analog(1, 3), 0.9, 0.9)};
  const auto bins = engine::fit_policy(trials, {}, {16, kRange}).bins;
  REQUIRE(bins.size() == 1);
  CHECK(bins[0].options.start.kind == StartKind::kCold);
  CHECK(bins[0].distance_max == kInfinity);
}

}  // namespace
}  // namespace skipcast::tests
