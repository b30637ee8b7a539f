// Cross-fitting: no network says the mean of a window that it was trained on.
#include "engine/data/folds.h"

#include <set>
#include <string>
#include <vector>

#include "engine/forecast/forecaster.h"
#include "engine/keys/forecast_key.h"
#include "engine/methods/method_table.h"
#include "tests/support/skip.h"
#include "tests/support/trained_model.h"

namespace skipcast::tests {
namespace {

using engine::fold_of;
using engine::fold_origins;
using engine::Forecaster;
using engine::ForecastOptions;
using engine::kFolds;
using engine::Model;

std::shared_ptr<const Model> loaded(const TrainedModel& t) {
  auto model = Model::load(*t.store, "small");
  REQUIRE_MESSAGE(model.ok(), model.status().message());
  return *model;
}

at::Tensor made(const TrainedModel& t, const ForecastOptions& options) {
  auto forecaster = Forecaster::open(*t.store, "small");
  REQUIRE_MESSAGE(forecaster.ok(), forecaster.status().message());
  const auto forecast = (*forecaster)->forecast(380, options);
  REQUIRE_MESSAGE(forecast.ok(), forecast.status().message());
  return forecast->members;
}

void cross_fit(const TrainedModel& t, int64_t steps) {
  const auto report =
      engine::train(*t.store, {.task = "small", .method = "cross-fit", .steps_max = steps});
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  CHECK(report->steps == kFolds * steps);
}

TEST_CASE("Folds: a network is trained on no window that touches its own stretches") {
  engine::Task task;
  task.spec = {.context_states = 6, .future_states = 4};
  const engine::Split split = {.states = 1000, .train_end = 700, .validation_end = 800};
  std::vector<int64_t> training;
  for (int64_t origin = 5; origin + 4 < split.train_end; ++origin) training.push_back(origin);
  std::set<int64_t> all;
  for (int64_t fold = 0; fold < kFolds; ++fold) {
    const std::vector<int64_t> origins = fold_origins(task, split, training, fold);
    CHECK(origins.size() > training.size() / 3);
    for (const int64_t origin : origins) {
      all.insert(origin);
      // Whatever the network says a mean of shares no state with what it was trained on, but for
      // windows that reach from one stretch into the next.
      for (int64_t state = origin - 5; state <= origin + 4; ++state) {
        CHECK(fold_of(task, split, std::min<int64_t>(state, 695)) != fold);
      }
    }
  }
  CHECK(all.size() > training.size() * 3 / 4);
  CHECK(fold_of(task, split, 695) >= 0);
  CHECK(fold_of(task, split, 696) == -1);  // its future ends in the validation part
  CHECK(fold_of(task, split, 900) == -1);
}

TEST_CASE("Cross-fitting: past means are the folds' in the training part, then the model's own") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  const auto before = loaded(t);
  const ForecastOptions cold = {{.start = {.kind = engine::StartKind::kCold}, .steps = 3},
                                {.members = 4}};
  const at::Tensor expected = made(t, cold);
  ForecastOptions residual = {{.depth = {.entry_sigma = 3}, .steps = 3}, {.members = 4}};
  residual.start.key = engine::KeyKind::kForecast;
  residual.start.alignment = engine::Alignment::kResidual;
  const at::Tensor dishonest = made(t, residual);
  cross_fit(t, 8);
  const auto after = loaded(t);
  CHECK_FALSE(before->can(engine::kCrossFitted));
  CHECK(after->can(engine::kCrossFitted));
  CHECK(after->fingerprint() != before->fingerprint());
  CHECK(at::equal(made(t, cold), expected));
  CHECK_FALSE(at::equal(made(t, residual), dishonest));

  auto forecaster = Forecaster::with_model(*t.store, after);
  REQUIRE(forecaster.ok());
  const engine::Dataset& dataset = (*forecaster)->dataset();
  // One window of each fold, and one after the training part (states 0 to 239).
  const std::vector<int64_t> origins = {7, 20, 300};
  REQUIRE(fold_of(after->task(), after->split(), 7) == 0);
  REQUIRE(fold_of(after->task(), after->split(), 20) == 1);
  const engine::ContextBatch contexts = dataset.contexts(origins);
  const at::Tensor past = after->past_means(contexts, origins);
  const at::Tensor own = after->mean_forecast(contexts);
  CHECK(at::equal(past[2], own[2]));
  CHECK_FALSE(at::equal(past[0], own[0]));
  CHECK_FALSE(at::equal(past[1], own[1]));
  for (size_t i = 0; i < origins.size(); ++i) {  // alone as in a batch
    const std::vector<int64_t> one = {origins[i]};
    CHECK(
        at::equal(after->past_means(dataset.contexts(one), one)[0], past[static_cast<int64_t>(i)]));
  }
  const auto table = engine::MeanTable::open(after, dataset, "");
  REQUIRE(table.ok());
  CHECK(at::equal((*table)->means(origins), past));
  // The fold's own weights say what they said of a window.
  const auto stored = engine::read_model(*t.store, "small");
  REQUIRE(stored.ok());
  REQUIRE(stored->parts.folds.size() == static_cast<size_t>(kFolds));
  for (const auto& item : stored->parts.folds[0]->named_parameters()) {
    if (item.key() != "features.weight") continue;
    CHECK_FALSE(at::equal(item.value(), stored->parts.folds[1]->named_parameters()[item.key()]));
  }
}

TEST_CASE("Cross-fitting: kept by moment heads, another model to copies; stopped, it is nothing") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  const std::string before = loaded(t)->fingerprint();
  engine::TrainRequest stopped = {.task = "small", .method = "cross-fit", .steps_max = 50};
  stopped.progress = [](const skipcast::ProgressStep& s) { return s.what != "fold 2 of 2"; };
  CHECK(engine::train(*t.store, stopped).status().code() == Code::kInterrupted);
  CHECK(loaded(t)->fingerprint() == before);
  const engine::TrainRequest one_step = {
      .task = "small", .method = "one-step", .steps_max = 2, .key = engine::KeyKind::kContext};
  REQUIRE(engine::train(*t.store, one_step).ok());
  cross_fit(t, 4);
  CHECK(loaded(t)->copy(engine::kOneStepCopy).status().code() == Code::kRefused);
  REQUIRE(
      engine::train(*t.store, {.task = "small", .method = "moment-heads", .steps_max = 3}).ok());
  CHECK(loaded(t)->can(engine::kCrossFitted));
  CHECK(loaded(t)->can(engine::kMomentHeads));
  REQUIRE(engine::train(*t.store, one_step).ok());
  CHECK(loaded(t)->copy(engine::kOneStepCopy).ok());
  CHECK(engine::train(*t.store, {.task = "none", .method = "cross-fit"}).status().code() ==
        Code::kNotFound);
}

}  // namespace
}  // namespace skipcast::tests
