// labels: unit
#include "engine/forecast/analog_search.h"

// Before anything else that brings doctest or a CHECK of LibTorch.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "engine/forecast/alignment.h"
#include "engine/forecast/start_table.h"
#include "tests/support/gaussian_city.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::Alignment;
using engine::ForecastOptions;
using engine::KeyKind;
using engine::StartKind;
using engine::StartOptions;

constexpr engine::Split kSplit = {.states = 600, .train_end = 360, .validation_end = 480};

// A store, its model and what a start needs of the query at 500.
struct Scene {
  MemoryStore store = ar1_store(600);
  std::shared_ptr<GaussianModel> model = gaussian_model(store, kSplit);
  std::unique_ptr<engine::Dataset> dataset =
      std::move(engine::Dataset::load(store, model->task(), model->normalizer())).value();
  engine::AnalogKeys keys{model, *dataset, {}, storage::kMemoryBytesDefault};
  std::shared_ptr<engine::MeanTable> means = std::move(keys.means()).value();
  engine::Query query;

  Scene() {
    query.origin = 500;
    query.time_s = store.schema().axis.time_at(500);
    query.context = dataset->contexts({&query.origin, 1});
    query.last = query.context.last[0];
    query.mean = model->mean_forecast(query.context)[0];
  }

  at::Tensor aligned(const std::vector<int64_t>& origins, Alignment alignment, double tau) {
    return engine::aligned_futures(*dataset, means.get(), query, origins,
                                   {.alignment = alignment, .decay_tau = tau});
  }

  // Normalised value of place `p` at a state.
  double value(int64_t state, int64_t p) const {
    return dataset->contexts({&state, 1}).last[0][0][p].item<double>();
  }
};

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST_CASE("Alignment: none keeps the future, offset shifts it with decay") {
  Scene scene;
  const std::vector<int64_t> origins = {40, 333};
  const at::Tensor raw = scene.aligned(origins, Alignment::kNone, kInfinity);
  const at::Tensor shifted = scene.aligned(origins, Alignment::kOffset, kInfinity);
  const at::Tensor decayed = scene.aligned(origins, Alignment::kOffset, 2);
  for (int64_t m = 0; m < 2; ++m) {
    for (int64_t l = 0; l < 3; ++l) {
      for (int64_t p = 0; p < 2; ++p) {
        const double future = scene.value(origins[m] + l + 1, p);
        const double offset = scene.value(500, p) - scene.value(origins[m], p);
        CHECK(raw[m][l][0][p].item<double>() == doctest::Approx(future));
        CHECK(shifted[m][l][0][p].item<double>() == doctest::Approx(future + offset));
        CHECK(decayed[m][l][0][p].item<double>() ==
              doctest::Approx(future + std::exp(-double(l) / 2) * offset));
      }
    }
  }
}

TEST_CASE("Alignment: what is moved stays within the training part, or today's value beyond it") {
  Scene scene;
  const double usual = 4;  // deviations; the training part of this series stays below
  std::vector<int64_t> origins;
  for (int64_t origin = 10; origin < 350; origin += 10) origins.push_back(origin);
  for (const double today : {1.0, 50.0, -50.0}) {
    scene.query.last = at::full_like(scene.query.last, today);
    const at::Tensor moved = scene.aligned(origins, Alignment::kOffset, kInfinity);
    CHECK(moved.max().item<double>() <= std::max(usual, today));
    CHECK(moved.min().item<double>() >= std::min(-usual, today));
  }
  scene.query.last = at::full_like(scene.query.last, 50);
  CHECK(scene.aligned(origins, Alignment::kOffset, kInfinity).max().item<double>() == 50);
  CHECK(scene.aligned(origins, Alignment::kNone, kInfinity).max().item<double>() < usual);
}

TEST_CASE("Alignment: residual moves the analog's error about its own mean to the query's mean") {
  Scene scene;
  const std::vector<int64_t> origins = {40, 333, 41};
  const at::Tensor residual = scene.aligned(origins, Alignment::kResidual, kInfinity);
  const at::Tensor half = scene.aligned(origins, Alignment::kHalf, 2);
  const at::Tensor offset = scene.aligned(origins, Alignment::kOffset, 2);
  const at::Tensor own = scene.model->mean_forecast(scene.dataset->contexts(origins));
  const at::Tensor expected = scene.query.mean + scene.dataset->filled_futures(origins) - own;
  CHECK(at::allclose(residual, expected, 1e-5, 1e-6));
  CHECK(at::allclose(half, (residual + offset) / 2, 1e-5, 1e-6));
  // In a linear Gaussian city residual alignment is exact: errors of the right size.
  const at::Tensor errors = residual - scene.query.mean;
  CHECK(errors.abs().max().item<double>() < 4);
}

TEST_CASE("Starts: the query's mean is evaluated for those that use it, and for no other") {
  const auto needs = [](StartKind kind, KeyKind key, Alignment alignment) {
    return engine::needs_mean({.kind = kind, .key = key, .alignment = alignment});
  };
  CHECK_FALSE(needs(StartKind::kCold, KeyKind::kForecast, Alignment::kResidual));
  CHECK_FALSE(needs(StartKind::kPersist, KeyKind::kForecast, Alignment::kResidual));
  CHECK_FALSE(needs(StartKind::kAnalog, KeyKind::kContext, Alignment::kOffset));
  CHECK(needs(StartKind::kAnalog, KeyKind::kForecast, Alignment::kNone));
  CHECK(needs(StartKind::kAnalog, KeyKind::kMixed, Alignment::kNone));
  CHECK(needs(StartKind::kAnalog, KeyKind::kContext, Alignment::kHalf));
  CHECK(needs(StartKind::kMean, KeyKind::kContext, Alignment::kNone));
  CHECK_FALSE(needs(StartKind::kRandom, KeyKind::kForecast, Alignment::kOffset));
  CHECK(needs(StartKind::kRandom, KeyKind::kContext, Alignment::kResidual));
}

TEST_CASE("Starts: the blind control draws usable windows evenly, whatever the key") {
  Scene scene;
  ForecastOptions options = {{.start = {.kind = StartKind::kRandom}}, {.members = 2000}};
  const auto drawn = engine::find_analogs(scene.keys, scene.query, options);
  REQUIRE(drawn.ok());
  double sum = 0;
  std::set<int64_t> distinct;
  for (const retrieval::Neighbour& each : drawn->analogs) {
    CHECK(each.origin >= 3);
    CHECK(each.origin <= 497);
    CHECK(std::isnan(each.distance));
    sum += static_cast<double>(each.origin);
    distinct.insert(each.origin);
  }
  CHECK(sum / 2000 == doctest::Approx(250).epsilon(0.05));
  CHECK(distinct.size() > 450);
  CHECK(drawn->plan.allowed == 495);
  options.start.key = KeyKind::kForecast;
  const auto again = engine::find_analogs(scene.keys, scene.query, options);
  CHECK(again->analogs[7].origin == drawn->analogs[7].origin);
}

TEST_CASE("Starts: distances are not squared and grow, the nearest is the nearest") {
  Scene scene;
  const ForecastOptions options = {{}, {.members = 9}};
  const auto found = engine::find_analogs(scene.keys, scene.query, options);
  REQUIRE(found.ok());
  const retrieval::Encoder& encoder = (*scene.keys.index(options.start))->encoder();
  std::vector<float> a(encoder.dimension()), b(a);
  REQUIRE(encoder.encode({&scene.query.origin, 1}, a).ok());
  float before = 0;
  for (const retrieval::Neighbour& each : found->analogs) {
    REQUIRE(encoder.encode({&each.origin, 1}, b).ok());
    double square = 0;
    for (size_t i = 0; i < a.size(); ++i) square += (a[i] - b[i]) * (a[i] - b[i]);
    CHECK(each.distance == doctest::Approx(std::sqrt(square)).epsilon(1e-3));
    CHECK(each.distance >= before);
    before = each.distance;
  }
}

TEST_CASE("Starts: members are assigned from the pool, near analogs more often when it is cold") {
  Scene scene;
  const auto times_used = [&scene](std::optional<double> temperature) {
    ForecastOptions options = {{.start = {.pool = 5, .temperature = temperature}},
                               {.members = 100}};
    const auto found = engine::find_analogs(scene.keys, scene.query, options);
    std::vector<std::pair<float, int>> uses;  // distance, times; nearest first
    for (const retrieval::Neighbour& each : found->analogs) {
      const auto at = std::find_if(uses.begin(), uses.end(),
                                   [&](const auto& use) { return use.first == each.distance; });
      if (at == uses.end())
        uses.push_back({each.distance, 1});
      else
        ++at->second;
    }
    return uses;
  };
  const auto in_turn = times_used({}), warm = times_used(1000), cool = times_used(0.2);
  REQUIRE(in_turn.size() == 5);
  for (const auto& [distance, times] : in_turn) CHECK(times == 20);
  for (const auto& [distance, times] : warm) CHECK(std::abs(times - 20) <= 1);
  // Expected times of the softmax, each met within one.
  double mean = 0, total = 0;
  for (const auto& [distance, times] : in_turn) mean += distance / 5;
  const auto weight = [&](float d) { return std::exp(-(d - in_turn[0].first) / (0.2 * mean)); };
  for (const auto& [distance, times] : in_turn) total += weight(distance);
  for (const auto& [distance, times] : cool) {
    CHECK(std::abs(times - 100 * weight(distance) / total) <= 1);
  }
  CHECK(times_used(1e-6).size() == 1);
}

TEST_CASE("Starts: shuffled takes the analogs of another, past situation") {
  Scene scene;
  const ForecastOptions options = {{.start = {.kind = StartKind::kMismatched}}, {.members = 9}};
  const auto found = engine::find_analogs(scene.keys, scene.query, options);
  REQUIRE(found.ok());
  // They are the nearest of some usable window of the later half.
  bool is_of_another = false;
  for (int64_t origin = 240; origin <= 497 && !is_of_another; ++origin) {
    engine::Query other = scene.query;
    other.origin = origin;
    const auto of_other = engine::find_analogs(scene.keys, other, {{}, {.members = 9}});
    bool same = true;
    for (size_t m = 0; m < 9; ++m) {
      same = same && of_other->analogs[m].origin == found->analogs[m].origin;
    }
    is_of_another = same;
  }
  CHECK(is_of_another);
  for (const retrieval::Neighbour& each : found->analogs) CHECK(std::isnan(each.distance));
}

TEST_CASE("Starts: separation keeps analogs apart") {
  Scene scene;
  const ForecastOptions options = {{.start = {.separation = 6}}, {.members = 20}};
  const auto found = engine::find_analogs(scene.keys, scene.query, options);
  REQUIRE(found.ok());
  for (const retrieval::Neighbour& a : found->analogs) {
    for (const retrieval::Neighbour& b : found->analogs) {
      CHECK((a.origin == b.origin || std::abs(a.origin - b.origin) >= 6));
    }
  }
}

}  // namespace
}  // namespace skipcast::tests
