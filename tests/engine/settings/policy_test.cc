// labels: unit
#include "engine/settings/policy.h"

#include "engine/forecast/policy_forecast.h"

// Before anything else that brings doctest or a CHECK of LibTorch.
#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "tests/support/gaussian_city.h"
#include "tests/support/settings.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::ArchiveMode;
using engine::KeyKind;
using engine::Policy;
using engine::Setting;
using engine::StartKind;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Policy two_bins() {
  Policy policy = {.name = "p",
                   .task = "ar",
                   .archive_id = "00112233445566778899aabbccddeeff",
                   .model_fingerprint = "00000000000000a1"};
  policy.validation_crps = 0.1 + 0.2;
  policy.expected = {"cold", 200, 1.0 / 3, -0.1, 0.7};
  policy.bins = {{1.5, analog_setting(1.0 / 3, 3)}, {kInfinity, cold_setting(4)}};
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
  policy.bins = {{kInfinity, analog_setting(1, 3)}};
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

}  // namespace
}  // namespace skipcast::tests
