// labels: unit
#include "engine/report/report_data.h"

// Before anything else that brings doctest or a CHECK of LibTorch.
#include <ATen/ATen.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "engine/models/traced_model.h"
#include "engine/tuning/front_file.h"
#include "tests/support/forecast_scene.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

constexpr engine::Split kSplit = {.states = 400, .train_end = 240, .validation_end = 320};

struct TracedScene {
  MemoryStore store{named_graph(), ar1_values(400, 3)};
  std::shared_ptr<engine::TracedModel> model =
      std::make_shared<engine::TracedModel>(gaussian_model(store, kSplit));
  std::unique_ptr<engine::Forecaster> forecaster =
      std::move(engine::Forecaster::with_model(store, model)).value();

  engine::Forecast forecast(const engine::ForecastOptions& options) const {
    auto made = forecaster->forecast(350, options);
    REQUIRE_MESSAGE(made.ok(), made.status().message());
    return std::move(made).value();
  }
};

engine::ForecastOptions chain_of(const char* solver) {
  engine::ForecastOptions options{{.steps = 4, .solver = solver}, {.members = 5}};
  options.depth.entry_sigma = 2;
  return options;
}

std::string front_text(const std::string& row) {
  return "nfe,nfe_shared,nfe_with_shared,seconds,crps,energy,variogram,spread_skill,start,key,"
         "key_mix,separation,alignment,decay_tau,entry_sigma,solver,windows,on_front\n" +
         row;
}

}  // namespace

TEST_CASE("TracedModel: keeps every evaluation of a chain, and changes no bit of it") {
  for (const char* solver : {"dpmpp_2m", "heun", "gms"}) {
    const TracedScene scene;
    const engine::Forecast plain = scene.forecast(chain_of(solver));
    scene.model->record(5);
    const engine::Forecast traced = scene.forecast(chain_of(solver));
    const std::vector<engine::Evaluated> steps = scene.model->stop();
    CHECK(at::equal(plain.members, traced.members));
    REQUIRE(static_cast<int64_t>(steps.size()) == traced.nfe);
    CHECK(steps.front().sigma == doctest::Approx(2));
    for (const engine::Evaluated& step : steps) {
      CHECK(step.x.size(0) == 5);
      CHECK(step.estimate.sizes() == step.x.sizes());
      CHECK(step.sigma <= 2.0000001);
    }
    CHECK(scene.model->stop().empty());
    scene.forecast(chain_of(solver));
    CHECK(scene.model->stop().empty());
  }
}

TEST_CASE("TracedModel: mean forecasts that members share are passed over") {
  const TracedScene scene;
  engine::ForecastOptions options = chain_of("dpmpp_2m");
  options.start.kind = engine::StartKind::kMean;
  scene.model->record(5);
  const engine::Forecast forecast = scene.forecast(options);
  CHECK(forecast.nfe_shared == 1);
  CHECK(static_cast<int64_t>(scene.model->stop().size()) == forecast.nfe);
}

TEST_CASE("Coverage: shares over time count what is there") {
  std::vector<float> values(400 * 3, 1.0f);
  for (size_t i = 0; i < 30; ++i) values[i] = std::numeric_limits<float>::quiet_NaN();
  const TempDir folder;
  auto made = storage::SeriesStore::create(folder.file("a.skc"), memory_schema(1, 3));
  REQUIRE_MESSAGE(made.ok(), made.status().message());
  const auto& store = made.value();
  REQUIRE(store->append({.states = 400, .values = values}).ok());
  const auto coverage = engine::coverage_of(*store, {});
  REQUIRE_MESSAGE(coverage.ok(), coverage.status().message());
  CHECK(coverage->bin_first.size() == 120);
  CHECK(coverage->bin_first.back() == 396);
  CHECK(coverage->observed[0].front() == 0);
  CHECK(coverage->observed[0].back() == 1);
  CHECK(coverage->summary.missing_share == doctest::Approx(30.0 / 1200));
}

TEST_CASE("Coverage: a wish to stop is kept") {
  const TempDir folder;
  auto made = storage::SeriesStore::create(folder.file("a.skc"), memory_schema(1, 3));
  REQUIRE(made.value()->append({.states = 4, .values = std::vector<float>(12, 1.0f)}).ok());
  const auto stopped =
      engine::coverage_of(*made.value(), [](const ProgressStep&) { return false; });
  CHECK(stopped.status().code() == Code::kInterrupted);
}

TEST_CASE("Front: rows are read by the header's names; faults name file and line") {
  const TempDir folder;
  const std::string path = folder.file("x.front.csv");
  std::ofstream(path) << front_text(
      "3,1,3.125,0.02,0.25,0.3,0.1,0.95,analog,forecast,,1,residual,inf,4.5,dpmpp_2m,80,1\n"
      "2,0,2,0.01,0.4,0.5,0.2,0.7,cold,,,,,,,dpmpp_2m,80,0\n");
  const auto trials = engine::read_front(path);
  REQUIRE_MESSAGE(trials.ok(), trials.status().message());
  REQUIRE(trials->size() == 2);
  CHECK(trials->at(0).nfe == 3.125);
  CHECK(trials->at(0).on_front);
  CHECK(trials->at(0).start == "analog key=forecast align=residual sigma=4.5 dpmpp_2m");
  CHECK(trials->at(1).cold);
  CHECK(trials->at(1).windows == 80);
  std::ofstream(path) << front_text("3,1,much,0.02,0.25,0.3,0.1,0.95,cold,,,,,,,,80,1\n");
  const Status wrong = engine::read_front(path).status();
  CHECK(wrong.code() == Code::kBadInput);
  CHECK(wrong.message().find("line 2") != std::string::npos);
  CHECK(wrong.message().find("nfe_with_shared") != std::string::npos);
  CHECK(engine::read_front(folder.file("none.csv")).status().code() == Code::kNotFound);
}

}  // namespace skipcast::tests
