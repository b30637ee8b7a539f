// labels: unit
#include "engine/tuning/level_fit.h"

#include <cmath>

#include "engine/evaluation/evaluate.h"
#include "engine/forecast/reverse_chain.h"
#include "engine/tuning/tuner.h"
#include "tests/support/gaussian_city.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::LevelFitter;
using engine::Setting;
using engine::StartKind;

constexpr engine::Split kSplit = {.states = 900, .train_end = 300, .validation_end = 800};

struct City {
  MemoryStore store = ar1_store(900);
  std::shared_ptr<GaussianModel> model = gaussian_model(store, kSplit);
  std::unique_ptr<engine::Forecaster> forecaster;

  City() {
    auto opened = engine::Forecaster::with_model(store, model);
    REQUIRE(opened.ok());
    forecaster = std::move(opened).value();
  }
};

Setting chain(StartKind kind, int64_t steps) {
  Setting options = {.start = {.kind = kind}, .steps = steps};
  options.depth.entry_sigma = 3;
  return options;
}

std::vector<Setting> lists_of(City& city, const Setting& base) {
  const auto origins = engine::scored_origins(*city.forecaster, engine::Part::kValidation, 12);
  auto lists = LevelFitter(*city.forecaster, {origins, 4}).lists(base);
  REQUIRE_MESSAGE(lists.ok(), lists.status().message());
  return std::move(lists).value();
}

TEST_CASE("Error curve: the posterior deviation of a law that is known") {
  City city;
  const auto origins = engine::scored_origins(*city.forecaster, engine::Part::kValidation, 400);
  auto curve = engine::error_curve(*city.forecaster, origins, 1);
  REQUIRE(curve.ok());
  const at::Tensor& variance = city.model->variance();
  const auto& schedule = city.model->task().schedule;
  for (const double sigma : {schedule.sigma_min, schedule.sigma_max}) {
    const double noise = sigma * sigma;
    const at::Tensor posterior = variance * noise / (variance + noise);
    CHECK((*curve)(sigma) ==
          doctest::Approx(std::sqrt(posterior.mean().item<double>())).epsilon(0.1));
  }
  double last = 0;
  for (double sigma = 0.5 * schedule.sigma_min; sigma < 2 * schedule.sigma_max; sigma *= 1.7) {
    CHECK((*curve)(sigma) >= last * 0.99);
    last = (*curve)(sigma);
  }
  CHECK_FALSE(engine::error_curve(*city.forecaster, {}, 1).ok());
}

TEST_CASE("Level fit: an analytic and a learned list from the setting's own entry, and they run") {
  City city;
  for (const StartKind kind : {StartKind::kAnalog, StartKind::kCold, StartKind::kMean,
                               StartKind::kPersist, StartKind::kRandom, StartKind::kMismatched}) {
    const Setting base = chain(kind, 3);
    const auto lists = lists_of(city, base);
    REQUIRE(lists.size() == 2);
    for (const Setting& list : lists) {
      REQUIRE(list.depth.sigmas.size() == 3);
      CHECK(list.depth.sigmas.front() == 3);
      CHECK(list.start.kind == kind);
      const auto checked = engine::chain_for(city.model->task(), engine::ForecastOptions{list, {}});
      REQUIRE_MESSAGE(checked.ok(), checked.status().message());
      CHECK(engine::evaluations(*checked) == 3);
    }
    CHECK(lists[0].depth.sigmas != lists[1].depth.sigmas);
    CHECK(lists_of(city, base)[1].depth.sigmas == lists[1].depth.sigmas);
  }
}

TEST_CASE("Level fit: nothing is learned without gradients, nor from another forecast's states") {
  City city;
  Setting redi = {.start = {.kind = StartKind::kRedi}, .steps = 6};
  redi.depth.skip_steps = 3;
  CHECK(lists_of(city, redi).size() == 1);
  CHECK(lists_of(city, chain(StartKind::kPrevious, 3)).size() == 1);
  city.model->gradients = false;
  CHECK(lists_of(city, chain(StartKind::kAnalog, 3)).size() == 1);
}

TEST_CASE("Level fit: a plain chain has no noise and no exit; lists go to both solvers") {
  Setting base = chain(StartKind::kAnalog, 3);
  base.solver = "ddim";
  base.noise_amount = 0.5;
  base.exit_tolerance = 0.1;
  const Setting plain = engine::plain_chain(base);
  CHECK(plain.solver == "dpmpp_2m");
  CHECK_FALSE(plain.noise_amount);
  CHECK(plain.exit_tolerance == 0);
  Setting list = plain;
  list.depth = {.sigmas = {3, 1, 0.1}};
  const auto both = engine::with_lists(base, {list});
  REQUIRE(both.size() == 2);
  CHECK(both[1].solver == "ddim");
  CHECK(both[1].noise_amount == 0.5);
  CHECK(both[1].depth.sigmas == list.depth.sigmas);
  CHECK(engine::with_lists(plain, {list}).size() == 1);
}

}  // namespace
}  // namespace skipcast::tests
