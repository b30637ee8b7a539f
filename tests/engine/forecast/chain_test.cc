// labels: unit
#include "engine/forecast/reverse_chain.h"

// Before anything else that brings doctest or a CHECK of LibTorch.
#include <ATen/ATen.h>

#include "engine/forecast/analog_guidance.h"
#include "engine/forecast/ensemble_statistics.h"
#include "tests/support/gaussian_forecasts.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::Forecast;
using engine::Forecaster;
using engine::ForecastOptions;
using engine::StartKind;

constexpr engine::Split kSplit = kGaussianSplit;

ForecastOptions analog() {
  ForecastOptions options = {{.steps = 3}, {.members = 15}};
  options.depth.entry_sigma = 2;
  return options;
}

TEST_CASE("Chain: a share of the members starts cold, the others as they would without it") {
  const MemoryStore store = ar1_store(600);
  const auto forecaster = forecaster_on(store);
  ForecastOptions options = analog();
  const Forecast none = forecast(*forecaster, options);
  options.start.cold_share = 0.4;
  const Forecast mixed = forecast(*forecaster, options);
  ForecastOptions cold = options;
  cold.start = {.kind = StartKind::kCold};
  cold.depth = {};
  const Forecast all = forecast(*forecaster, cold);
  CHECK(mixed.nfe == none.nfe);
  int64_t of_cold = 0;
  for (int64_t m = 0; m < 15; ++m) {
    const bool is_cold = at::equal(mixed.members[m], all.members[m]);
    CHECK((is_cold || at::equal(mixed.members[m], none.members[m])));
    of_cold += is_cold;
  }
  CHECK(of_cold == 6);
  options.start.cold_share = 1;
  CHECK(at::equal(forecast(*forecaster, options).members, all.members));
}

TEST_CASE("Chain: the mean widened by its own error is the exact forecast, at no evaluation") {
  const MemoryStore store = ar1_store(600);
  const auto model = gaussian_model(store, kSplit);
  auto forecaster = Forecaster::with_model(store, model);
  REQUIRE(forecaster.ok());
  const ForecastOptions options = {
      {.start = {.kind = StartKind::kMean, .added_noise = 1}, .steps = 0}, {.members = 4000}};
  const Forecast made = forecast(**forecaster, options);
  CHECK(made.nfe == 0);
  CHECK(made.nfe_shared == 1);
  const at::Tensor exact = model->variance().sqrt(), spread = made.normalised.std(0);
  CHECK((spread / exact - 1).abs().max().item<double>() < 0.12);  // of 357 training windows
  // Entered at sigma 2 and solved down it is exact too: METHODS section 2, row D.
  ForecastOptions entered = options;
  entered.steps = 24;
  entered.depth.entry_sigma = 2;
  const at::Tensor after = forecast(**forecaster, entered).normalised.std(0);
  CHECK((after / exact - 1).abs().max().item<double>() < 0.08);
}

TEST_CASE("Chain: ReDi's members follow stored trajectories, which here are all one") {
  const MemoryStore store = ar1_store(600);
  const auto model = gaussian_model(store, kSplit);
  auto forecaster = Forecaster::with_model(store, model);
  REQUIRE(forecaster.ok());
  ForecastOptions options = {{.start = {.kind = StartKind::kRedi, .redi_key_step = 2},
                              .depth = {.skip_steps = 6},
                              .steps = 10,
                              .solver = "heun"},
                             {.members = 15}};
  REQUIRE((*forecaster)->prepare(options).ok());
  const int64_t windows = 360 - 6;  // of 4 and 3 states in the training part
  CHECK(model->evaluations == windows * 6 * 2);
  model->evaluations = 0;
  const Forecast made = forecast(**forecaster, options);
  CHECK(made.nfe == 7);         // Heun on the last four of ten steps
  CHECK(made.nfe_shared == 4);  // and on the first two
  CHECK(model->evaluations == 7 * 15 + 4);
  CHECK(made.normalised.std(0).max().item<double>() < 1e-5);  // METHODS 1.5: one seed, no spread
  CHECK(made.notes.front().find("354 trajectories") != std::string::npos);
  options.member_batch = 4;
  CHECK(at::equal(forecast(**forecaster, options).members, made.members));

  const auto refused = [&](const ForecastOptions& bad) {
    const auto again = (*forecaster)->forecast(kGaussianQuery, bad);
    return again.status().code() == Code::kUsage ? again.status().message() : "";
  };
  ForecastOptions bad = options;
  bad.start.redi_key_step = 6;
  CHECK(refused(bad).find("key step must lie in 1..5") != std::string::npos);
  bad = options;
  bad.depth = {.entry_sigma = 2};
  CHECK(refused(bad).find("--skip-steps") != std::string::npos);
  bad = options;
  bad.start.redi_neighbours = 0;
  CHECK(refused(bad).find("neighbours") != std::string::npos);
}

TEST_CASE("Chain: a rolled forecast is the cycle before it, shifted, and sees nothing later") {
  MemoryStore store = ar1_store(600);
  ForecastOptions options = analog();
  options.start.kind = StartKind::kPrevious;
  options.start.cycle = 2;
  options.start.rolls = 1;
  options.start.decay_tau = 0;
  options.steps = 0;
  options.depth = {};
  const auto forecaster = forecaster_on(store);
  const Forecast rolled = forecast(*forecaster, options);
  ForecastOptions first = options;
  first.start.kind = StartKind::kAnalog;
  const Forecast before = forecast(*forecaster, first, kGaussianQuery - 2);
  CHECK(at::allclose(rolled.normalised.select(1, 0), before.normalised.select(1, 2)));
  CHECK(at::allclose(rolled.normalised.select(1, 2), before.normalised.select(1, 2)));
  // With a chain and more cycles: the same bits for any batch, other bits for other rolls.
  options = analog();
  options.start.kind = StartKind::kPrevious;
  const Forecast whole = forecast(*forecaster, options);
  options.member_batch = 4;
  CHECK(at::equal(forecast(*forecaster, options).members, whole.members));
  options.start.rolls = 1;
  CHECK_FALSE(at::equal(forecast(*forecaster, options).members, whole.members));
  // At the archive's beginning there are fewer cycles, then none.
  CHECK(forecaster->forecast(8, options).ok());
  CHECK(forecaster->forecast(3, options).status().code() == Code::kNotFound);
  options.start.cycle = 4;
  CHECK(forecaster->forecast(kGaussianQuery, options).status().code() == Code::kUsage);
}

TEST_CASE("Chain: members that exit early cost less on average, for any batch the same bits") {
  const MemoryStore store = ar1_store(600);
  const auto model = gaussian_model(store, kSplit);
  auto forecaster = Forecaster::with_model(store, model);
  REQUIRE(forecaster.ok());
  ForecastOptions options = analog();
  options.steps = 8;
  const Forecast whole = forecast(**forecaster, options);
  CHECK(whole.nfe_mean == 8);
  options.exit_tolerance = 0.05;
  model->evaluations = 0;
  const Forecast early = forecast(**forecaster, options);
  CHECK(early.nfe == 8);
  CHECK(early.nfe_mean < 8);
  CHECK(early.nfe_mean > 2);
  CHECK(early.nfe_mean * 15 == doctest::Approx(double(model->evaluations)));
  CHECK((early.normalised - whole.normalised).abs().max().item<double>() < 0.3);
  options.member_batch = 4;
  CHECK(at::equal(forecast(**forecaster, options).members, early.members));
  options.exit_tolerance = -1;
  CHECK((*forecaster)->forecast(kGaussianQuery, options).status().code() == Code::kUsage);
}

TEST_CASE("Chain: gms has the law's spread in few steps, one evaluation each, any batch's bits") {
  const MemoryStore store = ar1_store(600);
  const auto model = gaussian_model(store, kSplit);
  auto forecaster = Forecaster::with_model(store, model);
  REQUIRE(forecaster.ok());
  ForecastOptions options = {{.start = {.kind = StartKind::kCold}, .steps = 5, .solver = "gms"},
                             {.members = 4000}};
  const Forecast made = forecast(**forecaster, options);
  CHECK(made.nfe == 5);
  CHECK(model->evaluations == 5 * 4000);
  const at::Tensor exact = model->variance().sqrt(), spread = made.normalised.std(0);
  CHECK((spread / exact - 1).abs().max().item<double>() < 0.05);
  options.members = 15;
  const Forecast whole = forecast(**forecaster, options);
  options.member_batch = 4;
  CHECK(at::equal(forecast(**forecaster, options).members, whole.members));

  options.exit_tolerance = 0.1;
  const auto early = (*forecaster)->forecast(kGaussianQuery, options);
  CHECK(early.status().code() == Code::kUsage);
  CHECK(early.status().message().find("--exit-tolerance") != std::string::npos);
  options.exit_tolerance = 0;
  options.start.kind = StartKind::kRedi;
  options.depth.skip_steps = 3;
  const auto redi = (*forecaster)->forecast(kGaussianQuery, options);
  CHECK(redi.status().code() == Code::kUsage);
  CHECK(redi.status().message().find("another solver") != std::string::npos);
}

TEST_CASE("Chain: inflation moves members away from their mean, which stays") {
  const MemoryStore store = ar1_store(600);
  const auto forecaster = forecaster_on(store);
  ForecastOptions options = {{.start = {.kind = StartKind::kCold}, .steps = 4}, {.members = 9}};
  const Forecast plain = forecast(*forecaster, options);
  options.inflation = {1, 1.5};
  const Forecast wide = forecast(*forecaster, options);
  const at::Tensor mean = plain.normalised.mean(0);
  const at::Tensor factors = at::tensor({1.0f, 1.25f, 1.5f}).view({3, 1, 1});  // three lead times
  CHECK(at::allclose(wide.normalised.mean(0), mean, 1e-5, 1e-6));
  CHECK(at::allclose(wide.normalised - mean, (plain.normalised - mean) * factors, 1e-4, 1e-5));
  CHECK(wide.nfe == plain.nfe);
  REQUIRE(wide.notes.size() == 1);
  CHECK(wide.notes[0] == "members' distances from their mean times 1, 1.5, over the lead times");
  CHECK(engine::by_lead_time({}, 2) == std::vector<double>{1, 1});
  CHECK(engine::by_lead_time({1.2}, 3) == std::vector<double>{1.2, 1.2, 1.2});
  CHECK(engine::by_lead_time({1, 3}, 1) == std::vector<double>{1});
  CHECK(engine::by_lead_time({1, 3, 2}, 5) == std::vector<double>{1, 2, 3, 2.5, 2});
}

TEST_CASE("Chain: guidance draws a cold start towards what followed similar situations") {
  const MemoryStore store = ar1_store(600);
  const auto forecaster = forecaster_on(store);
  ForecastOptions options = {{.start = {.kind = StartKind::kCold}, .steps = 8}, {.members = 400}};
  options.start.key = engine::KeyKind::kForecast;
  const Forecast plain = forecast(*forecaster, options);
  ForecastOptions analogs = options;
  analogs.start.kind = StartKind::kAnalog;
  analogs.members = engine::kGuides;
  const at::Tensor past = forecaster->analog_ensemble(kGaussianQuery, analogs)->normalised;
  const auto off = [&](const Forecast& made) {
    return (made.normalised.mean(0) - past.mean(0)).abs().mean().item<double>();
  };
  options.guidance = 0.5;
  const Forecast half = forecast(*forecaster, options);
  options.guidance = 1;
  const Forecast whole = forecast(*forecaster, options);
  CHECK(off(half) < off(plain));
  CHECK(off(whole) < 0.6 * off(plain));
  CHECK(half.nfe == plain.nfe);
  CHECK(half.nfe_shared == 1);  // the forecast key's mean
  REQUIRE(half.notes.size() == 1);
  CHECK(half.notes[0] == "guided towards the futures of 32 analogs with weight 0.5, bandwidth 0.5");
  CHECK(plain.nfe_shared == 0);
  // Another situation's futures draw elsewhere; the start itself finds the guides of its own.
  options.mismatched_retrieval = true;
  CHECK_FALSE(at::equal(forecast(*forecaster, options).members, whole.members));
}

TEST_CASE("Chain: levels are spaced as asked, listed ones run as they are") {
  const engine::Task task = ar1_task();
  ForecastOptions options = analog();
  const auto sigmas = [&] {
    auto chain = engine::chain_for(task, options);
    REQUIRE_MESSAGE(chain.ok(), chain.status().message());
    return chain->entry.sigmas;
  };
  const auto karras = sigmas();
  options.rho = 3;
  const auto other = sigmas();
  CHECK(other[0] == karras[0]);
  CHECK(other[1] > karras[1]);
  options.rho = {};
  options.spacing = samplers::Spacing::kLog;
  CHECK(sigmas()[1] * sigmas()[1] == doctest::Approx(sigmas()[0] * sigmas()[2]));
  options.depth = {.sigmas = {2, 0.5, 0.1}};
  CHECK((sigmas() == std::vector<double>{2, 0.5, 0.1, 0}));
}

}  // namespace
}  // namespace skipcast::tests
