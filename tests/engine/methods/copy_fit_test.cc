// Fine-tuned copies: what they are trained on, that the model stays as it is, what they make, what
// is refused, and that nothing after a query's origin reaches its forecast.

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/archive/archive_check.h"
#include "engine/forecast/forecaster.h"
#include "engine/keys/analog_keys.h"
#include "engine/keys/analog_table.h"
#include "engine/methods/method_table.h"
#include "engine/models/network_copy.h"
#include "engine/models/weights.h"
#include "tests/support/skip.h"
#include "tests/support/trained_model.h"

namespace {

using namespace skipcast::engine;
using skipcast::Code;
using skipcast::Status;
using skipcast::storage::SeriesStore;
using skipcast::tests::TempDir;
using skipcast::tests::TrainedModel;

TrainReport tuned(const SeriesStore& store, TrainRequest request) {
  request.threads = 1;
  const auto report = train(store, request);
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  return *report;
}

TrainRequest distill(int64_t steps) {
  return {.task = "small", .method = "one-step", .steps_max = steps, .key = KeyKind::kContext};
}

TrainRequest conditioned(int64_t steps) {
  return {.task = "small", .method = "conditioned", .steps_max = steps};
}

nlohmann::json figures(const TrainReport& report) { return nlohmann::json::parse(report.figures); }

std::unique_ptr<Forecaster> opened(const SeriesStore& store) {
  auto forecaster = Forecaster::open(store, "small");
  REQUIRE_MESSAGE(forecaster.ok(), forecaster.status().message());
  return std::move(forecaster).value();
}

ForecastOptions finished(int64_t steps, double entry_sigma) {
  return {{.depth = {.entry_sigma = entry_sigma}, .steps = steps, .solver = "finisher"},
          {.members = 6}};
}

Forecast made(Forecaster& forecaster, int64_t origin, const ForecastOptions& options) {
  const auto forecast = forecaster.forecast(origin, options);
  REQUIRE_MESSAGE(forecast.ok(), forecast.status().message());
  return *forecast;
}

Status failure(Forecaster& forecaster, const ForecastOptions& options) {
  return forecaster.forecast(380, options).status();
}

Status one_step(const SeriesStore& store) {
  return opened(store)->model().copy(kOneStepCopy).status();
}

bool mentions(const Status& status, const std::string& words) {
  return status.message().find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("Copies: a one-step model learns, and the model keeps its bits and policies") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  const auto before = opened(*t.store);
  const ForecastOptions chain = {{.depth = {.entry_sigma = 3}, .steps = 3}, {.members = 6}};
  const Forecast expected = made(*before, 380, chain);
  const auto early = figures(tuned(*t.store, distill(2)))["validation"];
  const auto late = figures(tuned(*t.store, distill(120)));
  const auto scores = late["validation"];
  REQUIRE(scores.size() == 2);
  CHECK(scores[0]["start"] == "cold");
  CHECK(scores[1]["start"] == "analog");
  const double before_training = early[0]["with_retrieval"];
  CHECK(scores[0]["with_retrieval"] < 0.8 * before_training);
  CHECK(scores[0]["crps_with_retrieval"] > 0);
  const double distance = late["analog_distance_training"];
  CHECK(distance > 0);
  CHECK(late["analog_distance_validation"] < 3 * distance);

  const auto after = opened(*t.store);
  CHECK(after->model().fingerprint() == before->model().fingerprint());
  CHECK(at::equal(made(*after, 380, chain).members, expected.members));
  ForecastOptions options = finished(1, 3);
  const Forecast untold = made(*after, 380, options);
  CHECK(untold.notes.front().find("without retrieved futures") != std::string::npos);
  options.retrieval_weight = 1.0;
  const Forecast one = made(*after, 380, options);
  CHECK_FALSE(at::equal(one.members, untold.members));
  CHECK(one.nfe == 1);
  CHECK(one.nfe_shared == 0);  // the context key needs no mean forecast
  CHECK(one.members.isfinite().all().item<bool>());
  CHECK(one.notes.front().find(
            "one-step network, conditioned on 8 retrieved futures (context key)") !=
        std::string::npos);
}

TEST_CASE("Copies: the same steps give the same bits, a member has them in any batch") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  const std::string path = copy_path(t.store->path(), "small", copy_kind(kOneStepCopy));
  tuned(*t.store, distill(7));
  const auto first = read_weights(path);
  tuned(*t.store, distill(9));
  CHECK(read_weights(path)->metadata != first->metadata);
  tuned(*t.store, distill(7));
  const auto again = read_weights(path);
  REQUIRE(again.ok());
  CHECK(again->metadata == first->metadata);
  for (const auto& [name, tensor] : first->tensors) {
    CAPTURE(name);
    CHECK(at::equal(again->tensors.at(name), tensor));
  }
  const auto forecaster = opened(*t.store);
  ForecastOptions options = finished(1, 3);
  const Forecast whole = made(*forecaster, 380, options);
  for (const int64_t batch : {1, 4}) {
    options.member_batch = batch;
    CHECK(at::equal(made(*forecaster, 380, options).members, whole.members));
  }
}

TEST_CASE("Copies: retrieved futures count by their weight, another situation's differ") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  tuned(*t.store, conditioned(40));
  const auto forecaster = opened(*t.store);
  ForecastOptions options = {{.start = {.kind = StartKind::kCold}, .steps = 2}, {.members = 4}};
  const at::Tensor plain = made(*forecaster, 380, options).members;
  options.retrieval_weight = 0.0;
  CHECK(at::equal(made(*forecaster, 380, options).members, plain));
  options.retrieval_weight = 1.0;
  const Forecast told = made(*forecaster, 380, options);
  CHECK(told.nfe_shared == 1);  // the forecast key's mean
  CHECK_FALSE(at::equal(told.members, plain));
  options.retrieval_weight = 0.5;
  CHECK_FALSE(at::equal(made(*forecaster, 380, options).members, told.members));
  options.retrieval_weight = 1.0;
  options.mismatched_retrieval = true;
  CHECK_FALSE(at::equal(made(*forecaster, 380, options).members, told.members));
}

TEST_CASE("Copies: what happens after a query's origin does not change a bit") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  tuned(*t.store, distill(5));
  tuned(*t.store, conditioned(5));
  constexpr int64_t kOrigin = 399;  // the last state
  std::vector<ForecastOptions> all = {finished(1, 3)};
  all[0].retrieval_weight = 1.0;
  for (const StartKind kind : {StartKind::kAnalog, StartKind::kCold}) {
    all.push_back({{.start = {.kind = kind},
                    .depth = {.entry_sigma = 4},
                    .steps = 2,
                    .retrieval_weight = 1.0},
                   {.members = 4}});
  }
  std::vector<at::Tensor> expected;
  for (const ForecastOptions& options : all) {
    expected.push_back(made(*opened(*t.store), kOrigin, options).members);
  }
  // The query's own window again and again: the perfect analog, were it allowed.
  skipcast::storage::StateBlock block = {.first = 400, .states = 40};
  std::vector<float> last(6 * 10);
  REQUIRE(t.store->read(390, 10, std::vector<int32_t>{0, 1}, last).ok());
  for (int64_t i = 0; i < 4; ++i) {
    block.values.insert(block.values.end(), last.begin(), last.end());
  }
  REQUIRE(t.store->append(block).ok());
  const auto forecaster = opened(*t.store);
  for (size_t i = 0; i < all.size(); ++i) {
    CHECK(at::equal(made(*forecaster, kOrigin, all[i]).members, expected[i]));
  }
}

TEST_CASE("Copies: training windows see what they would have seen in operation") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  auto model = Model::load(*t.store, "small");
  REQUIRE(model.ok());
  const auto dataset = Dataset::load(*t.store, (*model)->task(), (*model)->normalizer());
  REQUIRE(dataset.ok());
  AnalogKeys keys(*model, **dataset, {}, skipcast::storage::kMemoryBytesDefault);
  const auto index = keys.index({});
  REQUIRE(index.ok());
  const Task& task = (*model)->task();
  const Split split = (*model)->split();
  const auto& axis = t.store->schema().axis;
  const auto training = part_origins(axis, task, split, Part::kTrain);
  const auto table = AnalogTable::for_training(**index, task, split, training, 6);
  REQUIRE(table.ok());
  CHECK(table->origins() == training);
  int64_t looked_ahead = 0;
  for (const int64_t origin : training) {
    float before = 0;
    for (const auto& analog : table->of(origin, 6)) {
      CHECK(analog.origin + task.spec.future_states < split.train_end);
      const bool past = analog.origin + task.spec.future_states <= origin;
      const bool apart = std::abs(analog.origin - origin) >= task.spec.span();
      CHECK((past || (apart && origin < split.train_end / 8)));
      looked_ahead += past ? 0 : 1;
      CHECK(analog.distance >= before);
      before = analog.distance;
    }
  }
  CHECK(looked_ahead > 0);  // the first windows have no past
  CHECK(table->mean_distance(6) > table->mean_distance(1));

  const auto held_out = part_origins(axis, task, split, Part::kValidation);
  const auto growing = AnalogTable::for_validation(**index, task, held_out, 6);
  REQUIRE(growing.ok());
  bool recent = false;
  for (const int64_t origin : growing->origins()) {
    for (const auto& analog : growing->of(origin, 6)) {
      CHECK(analog.origin + task.spec.future_states <= origin);
      recent = recent || analog.origin >= split.train_end;
    }
  }
  CHECK(recent);
}

TEST_CASE("Copies: what a model's copies cannot do is refused in a sentence") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  const auto without = opened(*t.store);
  CHECK(failure(*without, finished(1, 3)).code() == Code::kNotFound);
  CHECK(mentions(failure(*without, finished(1, 3)), "skipcast distill"));
  ForecastOptions told = {{.steps = 2, .retrieval_weight = 1.0}, {.members = 4}};
  CHECK(mentions(failure(*without, told), "skipcast adapt"));
  told.steps = 0;
  CHECK(failure(*without, told).code() == Code::kUsage);
  told.retrieval_weight = -1.0;
  CHECK(failure(*without, told).code() == Code::kUsage);
  TrainRequest wrong = distill(3);
  wrong.evaluations = 3;
  CHECK(train(*t.store, wrong).status().code() == Code::kUsage);
  CHECK(train(*t.store, {.task = "none", .method = "one-step"}).status().code() == Code::kNotFound);
  CHECK(train(*t.store, {.task = "small", .method = "none"}).status().code() == Code::kUsage);

  TrainRequest plain = distill(3);
  plain.retrieval = false;
  CHECK(figures(tuned(*t.store, plain))["validation"].size() == 1);
  const auto with = opened(*t.store);
  ForecastOptions options = finished(1, 3);
  made(*with, 380, options);  // told of nothing
  options.retrieval_weight = 1.0;
  CHECK(mentions(failure(*with, options), "trained without retrieval"));
  CHECK(mentions(failure(*with, finished(2, 3)), "--evaluations"));
  options = finished(1, 3);
  options.exit_tolerance = 0.1;
  CHECK(failure(*with, options).code() == Code::kUsage);

  TrainRequest twice = distill(3);
  twice.evaluations = 2;
  tuned(*t.store, twice);
  CHECK(made(*opened(*t.store), 380, finished(2, 3)).nfe == 2);
}

TEST_CASE("Copies: another model's or a damaged copy is refused; stopped is nothing") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  const std::string path = copy_path(t.store->path(), "small", copy_kind(kOneStepCopy));
  TrainRequest stopped = distill(50);
  stopped.progress = [](const skipcast::ProgressStep& s) { return s.what != "one-step"; };
  CHECK(train(*t.store, stopped).status().code() == Code::kInterrupted);
  CHECK(one_step(*t.store).code() == Code::kNotFound);

  tuned(*t.store, distill(2));
  const auto verdicts = [&] {
    std::string text;
    const auto found = check_archive(folder.file("a"));
    for (const Verdict& verdict : found.value()) {
      if (!verdict.status.ok()) text += verdict.part + ": " + verdict.status.message() + "\n";
    }
    return text;
  };
  CHECK(verdicts() == "");
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5000);
    file.put('?');
  }
  CHECK(one_step(*t.store).code() == Code::kDataLoss);
  CHECK(verdicts().find("small.one-step.safetensors") != std::string::npos);

  tuned(*t.store, distill(2));
  REQUIRE(train(*t.store, {.task = "small", .steps_max = 6}).ok());
  const Status other = one_step(*t.store);
  CHECK(other.code() == Code::kRefused);
  CHECK(mentions(other, "another model"));
  CHECK(opened(*t.store)->forecast(380, {{.steps = 2}, {.members = 3}}).ok());
}
