// labels: unit
#include "engine/keys/metric_key.h"

#include "engine/keys/metric_score.h"

// Before anything else that brings doctest or a CHECK of LibTorch.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/forecast/policy_forecast.h"
#include "engine/keys/metric_fit.h"
#include "engine/methods/learned_metric.h"
#include "engine/settings/policy.h"
#include "engine/training/training_loop.h"
#include "engine/tuning/plans.h"
#include "tests/support/file_bytes.h"
#include "tests/support/gaussian_city.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::KeyKind;
using engine::LearnedMetric;
using engine::MetricFeatures;

constexpr engine::Split kSplit = {.states = 1200, .train_end = 700, .validation_end = 1100};

// AR(1): of the context only the last state tells of the future; its other three mislead.
struct Scene {
  TempDir folder;
  MemoryStore store = ar1_store(1200);
  std::shared_ptr<GaussianModel> model;
  std::unique_ptr<engine::Dataset> dataset;
  std::shared_ptr<MetricFeatures> features;

  explicit Scene(const std::string& path = "") {
    store.lies_at(path.empty() ? folder.path() : path);
    model = gaussian_model(store, kSplit);
    dataset = std::move(engine::Dataset::load(store, model->task(), model->normalizer())).value();
    auto means = engine::MeanTable::open(model, *dataset, "");
    REQUIRE(means.ok());
    features = std::make_shared<MetricFeatures>(*dataset, std::move(means).value());
  }

  Result<engine::TrainReport> train(const engine::TrainRequest& request) {
    const auto method = engine::make_learned_metric(store, request, model);
    return engine::run_training(*method, store, request);
  }
  engine::TrainReport train(int64_t steps = 40) {
    auto report = train(engine::TrainRequest{
        .task = "ar", .method = "learned-metric", .steps_max = steps, .threads = 1});
    REQUIRE_MESSAGE(report.ok(), report.status().message());
    return std::move(report).value();
  }
  Result<LearnedMetric> read() { return engine::read_metric(store, *model, *features); }
  LearnedMetric some_metric(float factor) const {
    return {.factors = std::vector<float>(features->groups().size(), factor)};
  }
};

TEST_CASE("Learned metric: beats the context key where its other states mislead, each time alike") {
  Scene scene;
  const engine::TrainReport report = scene.train();
  CHECK(report.steps == 40);
  const auto figures = nlohmann::json::parse(report.figures);
  const double context = figures["context"]["crps_fair"], learned = figures["learned"]["crps_fair"];
  CHECK(learned < 0.97 * context);
  CHECK(figures["learned"]["rank_correlation"] > figures["context"]["rank_correlation"]);
  const std::string first = bytes_of(report.model_path);
  scene.train();
  CHECK(bytes_of(report.model_path) == first);
}

TEST_CASE("Learned metric: stopping leaves the metric that there was") {
  Scene scene;
  REQUIRE(
      engine::save_metric(scene.store, *scene.model, *scene.features, scene.some_metric(1)).ok());
  const auto stopped =
      scene.train(engine::TrainRequest{.task = "ar",
                                       .method = "learned-metric",
                                       .steps_max = 5,
                                       .progress = [](const ProgressStep& step) {
                                         return step.what != "metric" || step.fraction < 0.7;
                                       }});
  CHECK(stopped.status().code() == Code::kInterrupted);
  const auto kept = scene.read();
  REQUIRE(kept.ok());
  CHECK(kept->factors == scene.some_metric(1).factors);
}

TEST_CASE("LearnedEncoder: a row's bits do not depend on its companions") {
  Scene scene;
  const auto encoder = engine::make_metric_encoder(scene.features, scene.some_metric(0.37f));
  const std::vector<int64_t> origins = {900, 3, 120, 1196, 1199, 121, 5, 7};
  const auto width = static_cast<size_t>(encoder->dimension());
  std::vector<float> together(origins.size() * width), alone(width);
  REQUIRE(encoder->encode(origins, together).ok());
  for (size_t i = 0; i < origins.size(); ++i) {
    REQUIRE(encoder->encode({&origins[i], 1}, alone).ok());
    CHECK(std::equal(alone.begin(), alone.end(), together.begin() + i * width));
  }
}

TEST_CASE("LearnedEncoder: groups of weight 0 are left out; other weights, another fingerprint") {
  Scene scene;
  LearnedMetric metric = scene.some_metric(1);
  const auto all = engine::make_metric_encoder(scene.features, metric);
  CHECK(all->dimension() == scene.features->width());
  metric.factors[0] = 0;
  const auto fewer = engine::make_metric_encoder(scene.features, metric);
  CHECK(fewer->dimension() == scene.features->width() - scene.features->groups()[0].width);
  CHECK(fewer->fingerprint() != all->fingerprint());

  retrieval::AnalogIndexOptions options = {.spec = scene.model->task().spec,
                                           .path = scene.folder.file("ar.learned.skx")};
  const auto open = [&](const LearnedMetric& weights) {
    return retrieval::AnalogIndex::open(
        scene.store, engine::make_metric_encoder(scene.features, weights), options);
  };
  REQUIRE(open(scene.some_metric(1)).ok());
  const auto same = open(scene.some_metric(1));
  REQUIRE(same.ok());
  REQUIRE((*same)->notes().size() == 1);
  CHECK((*same)->notes()[0].find("windows loaded") != std::string::npos);
  const auto rebuilt = open(metric);
  REQUIRE(rebuilt.ok());
  CHECK((*rebuilt)->notes().back().find("built from the archive") != std::string::npos);
}

TEST_CASE("read_metric: none, another model's, another archive's are refused by the command") {
  Scene scene;
  const auto none = scene.read();
  CHECK(none.status().code() == Code::kNotFound);
  CHECK(none.status().message().find("skipcast train-metric") != std::string::npos);
  REQUIRE(
      engine::save_metric(scene.store, *scene.model, *scene.features, scene.some_metric(1)).ok());
  CHECK(scene.read().ok());
  MemoryStore other(memory_schema(1, 2), ar1_values(1200, 2), "ffeeddccbbaa99887766554433221100");
  other.lies_at(scene.store.path());
  const auto refused = engine::read_metric(other, *scene.model, *scene.features);
  CHECK(refused.status().code() == Code::kRefused);
  CHECK(refused.status().message().find("another archive") != std::string::npos);
  CHECK(refused.status().message().find("skipcast train-metric") != std::string::npos);
}

TEST_CASE("read_metric: every damaged byte is found, and the file named") {
  Scene scene;
  REQUIRE(
      engine::save_metric(scene.store, *scene.model, *scene.features, scene.some_metric(1)).ok());
  const std::string path = engine::metric_path(scene.store, "ar");
  const std::string good = bytes_of(path);
  for (size_t at = 0; at < good.size(); at += 7) {
    std::string bad = good;
    bad[at] ^= 0x10;
    overwrite(path, bad);
    const auto metric = scene.read();
    CHECK(metric.status().code() == Code::kDataLoss);
    CHECK(metric.status().message().find("ar.metric.safetensors") != std::string::npos);
  }
}

TEST_CASE("--key learned: what comes after the query does not change a bit of its forecast") {
  TempDir folder;
  Scene scene(folder.path());
  scene.train(10);
  constexpr int64_t kQuery = 1150;
  const auto forecast = [&](MemoryStore& store) {
    auto forecaster = engine::Forecaster::with_model(store, scene.model);
    REQUIRE(forecaster.ok());
    engine::ForecastOptions options = {{.steps = 2}, {.members = 6}};
    options.start.key = KeyKind::kMetric;
    options.depth.entry_sigma = 2;
    auto made = (*forecaster)->forecast(kQuery, options);
    REQUIRE_MESSAGE(made.ok(), made.status().message());
    return std::move(made).value();
  };
  const engine::Forecast before = forecast(scene.store);
  CHECK(before.encoder_fingerprint.size() > 0);
  MemoryStore planted(memory_schema(1, 2), ar1_values(1200, 2));
  planted.lies_at(folder.path() + "/other");
  std::filesystem::create_directories(folder.path() + "/other/models");
  std::filesystem::copy_file(engine::metric_path(scene.store, "ar"),
                             engine::metric_path(planted, "ar"));
  const auto query = planted.values().begin() + (kQuery - 3) * 2;  // its context and future
  std::copy_n(query, 14, planted.values().begin() + (kQuery + 20) * 2);
  std::fill(planted.values().begin() + (kQuery + 1) * 2,
            planted.values().begin() + (kQuery + 20) * 2, 5.0f);
  const engine::Forecast after = forecast(planted);
  CHECK(at::equal(before.members, after.members));
  for (const retrieval::Neighbour& analog : after.analogs) CHECK(analog.origin + 3 <= kQuery);
}

TEST_CASE("Policy: with the learned key it is bound to the metric it was tuned with") {
  Scene scene;
  const auto save_factor = [&](float factor) {
    REQUIRE(
        engine::save_metric(scene.store, *scene.model, *scene.features, scene.some_metric(factor))
            .ok());
  };
  save_factor(1);
  engine::Policy policy = {.name = "p",
                           .task = "ar",
                           .archive_id = scene.store.store_id(),
                           .model_fingerprint = scene.model->fingerprint(),
                           .metric_fingerprint = engine::usable_metric(scene.store, *scene.model)};
  policy.bins.resize(1);
  policy.bins[0].distance_max = std::numeric_limits<double>::infinity();
  CHECK_FALSE(engine::uses_metric(policy));
  policy.bins[0].options.start.key = KeyKind::kMetric;
  const std::string path = scene.folder.file("p.json");
  REQUIRE(engine::save(policy, path).ok());
  auto forecaster = engine::Forecaster::with_model(scene.store, scene.model);
  REQUIRE(forecaster.ok());
  const auto loaded = engine::load_policy(**forecaster, path);
  REQUIRE_MESSAGE(loaded.ok(), loaded.status().message());
  CHECK(loaded->metric_fingerprint == policy.metric_fingerprint);
  save_factor(2);
  const auto refused = engine::load_policy(**forecaster, path);
  CHECK(refused.status().code() == Code::kRefused);
  CHECK(refused.status().message().find("another learned metric") != std::string::npos);
}

TEST_CASE("TunerPlan: the learned key is tried where there is a metric") {
  engine::TuneSpace space = {.schedule = {.sigma_min = 0.02, .sigma_max = 80}};
  const auto learned = [&space] {
    const auto plan = engine::no_chain_plan(space);
    return std::count_if(plan.begin(), plan.end(), [](const engine::Setting& setting) {
      return setting.start.key == KeyKind::kMetric;
    });
  };
  CHECK(learned() == 0);
  space.metric = true;
  CHECK(learned() == 6);  // with every alignment
}

TEST_CASE("rank_correlation: 1 for the same order, -1 for the opposite, ties at their mean") {
  const std::vector<double> a = {1, 2, 3, 4}, up = {10, 20, 30, 400}, down = {4, 3, 2, 1};
  CHECK(engine::rank_correlation(a, up) == doctest::Approx(1));
  CHECK(engine::rank_correlation(a, down) == doctest::Approx(-1));
  CHECK(engine::rank_correlation(a, std::vector<double>{1, 1, 1, 1}) == 0);
}

}  // namespace
}  // namespace skipcast::tests
