// A network on places that it was not trained on: the same archive elsewhere gives the same bits,
// other places are forecast, and what does not fit is refused.
#include "engine/archive/transfer.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/forecast/forecaster.h"
#include "engine/methods/method_table.h"
#include "tests/support/copies.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"
#include "tests/support/trained.h"

namespace skipcast::tests {
namespace {

using engine::Forecast;
using engine::Forecaster;
using engine::ForecastOptions;
using storage::SeriesStore;

constexpr int64_t kStates = 400;

void train(const SeriesStore& store, bool described) {
  engine::TrainRequest request = {.task = "small", .steps_max = 30};
  request.described_places = described;
  const auto report = engine::train(store, request);
  REQUIRE_MESSAGE(report.ok(), report.status().message());
}

Forecast made(const SeriesStore& store, const ForecastOptions& options) {
  auto forecaster = Forecaster::open(store, "small");
  REQUIRE_MESSAGE(forecaster.ok(), forecaster.status().message());
  const auto forecast = (*forecaster)->forecast(380, options);
  REQUIRE_MESSAGE(forecast.ok(), forecast.status().message());
  return *forecast;
}

// Other places, a few more, with the same variables and task.
std::unique_ptr<SeriesStore> elsewhere(const std::string& path, const SeriesStore& like,
                                       void (*change)(storage::Schema&) = nullptr) {
  storage::Schema schema = like.schema();
  schema.places.names = {"s", "t", "u", "v", "p"};
  if (change != nullptr) change(schema);
  storage::StateBlock block = {.states = kStates};
  for (int64_t state = 0; state < kStates; ++state) {
    for (int64_t i = 0; i < 10; ++i) {
      const uint64_t hash = (static_cast<uint64_t>(state * 10 + i) + 1) * 0x9E3779B97F4A7C15u;
      const double noise = static_cast<double>((hash ^ (hash >> 29)) >> 40) / (1 << 24) - 0.5;
      const double phase = 2 * M_PI * static_cast<double>(state) / 9 + 0.7 * double(i);
      block.values.push_back(static_cast<float>(20 + 5 * std::sin(phase) + noise));
    }
  }
  auto store = SeriesStore::create(path, schema);
  REQUIRE_MESSAGE(store.ok(), store.status().message());
  REQUIRE((*store)->append(block).ok());
  return std::move(store).value();
}

TEST_CASE("Transfer: to an archive of the same states, forecasts keep their bits, copies too") {
  const TempDir folder;
  const auto from = make_archive(folder.file("a"), kStates);
  const auto to = make_archive(folder.file("b"), kStates);
  train(*from, true);
  const auto tuned = engine::train(
      *from,
      {.task = "small", .method = "one-step", .steps_max = 5, .key = engine::KeyKind::kContext});
  REQUIRE_MESSAGE(tuned.ok(), tuned.status().message());
  age_copy(*from, "small", engine::kOneStepCopy);
  const auto report = engine::transfer(*from, *to, {.task = "small"});
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  CHECK(report->places == 3);
  CHECK(report->seen == 3);
  REQUIRE(report->copies.size() == 1);
  CHECK(report->copies[0] == engine::kOneStepCopy);
  CHECK(report->validation_crps > 0);
  ForecastOptions chain = {{.depth = {.entry_sigma = 3}, .steps = 3}, {.members = 6}};
  CHECK(at::equal(made(*from, chain).members, made(*to, chain).members));
  chain.start.key = engine::KeyKind::kForecast;
  chain.start.alignment = engine::Alignment::kResidual;
  CHECK(at::equal(made(*from, chain).members, made(*to, chain).members));
  const ForecastOptions finished = {
      {.depth = {.entry_sigma = 3}, .steps = 1, .solver = "finisher", .retrieval_weight = 1.0},
      {.members = 6}};
  CHECK(at::equal(made(*from, finished).members, made(*to, finished).members));
}

TEST_CASE("Transfer: places never seen are forecast, better than by a network that knows nothing") {
  const TempDir folder;
  const auto from = make_archive(folder.file("a"), kStates);
  const auto to = elsewhere(folder.file("b"), *from);
  engine::TrainRequest request = {.task = "small", .steps_max = 1};
  request.described_places = true;
  REQUIRE(engine::train(*from, request).ok());
  const auto ignorant = engine::transfer(*from, *to, {.task = "small"});
  REQUIRE_MESSAGE(ignorant.ok(), ignorant.status().message());
  request.steps_max = 300;
  REQUIRE(engine::train(*from, request).ok());
  const auto learned = engine::transfer(*from, *to, {.task = "small", .replace = true});
  REQUIRE_MESSAGE(learned.ok(), learned.status().message());
  CHECK(learned->places == 5);
  CHECK(learned->seen == 1);
  CHECK(learned->validation_crps < 0.8 * ignorant->validation_crps);
  const Forecast forecast = made(*to, {{.depth = {.entry_sigma = 3}, .steps = 3}, {.members = 6}});
  CHECK(forecast.members.sizes() == at::IntArrayRef({6, 4, 1, 5}));
  CHECK(forecast.members.isfinite().all().item<bool>());
  // It is a model like any other: it can be fine-tuned there.
  const auto tuned = engine::train(
      *to,
      {.task = "small", .method = "one-step", .steps_max = 3, .key = engine::KeyKind::kContext});
  CHECK_MESSAGE(tuned.ok(), tuned.status().message());
}

TEST_CASE("Transfer: what does not fit is refused in a sentence, and nothing is written") {
  const TempDir folder;
  const auto from = make_archive(folder.file("a"), kStates);
  const auto to = elsewhere(folder.file("b"), *from);
  const auto status = [&](const SeriesStore& target) {
    return engine::transfer(*from, target, {.task = "small"}).status();
  };
  const auto says = [](const Status& made, const std::string& words) {
    return made.message().find(words) != std::string::npos;
  };
  CHECK(status(*to).code() == Code::kNotFound);
  train(*from, false);
  CHECK(status(*to).code() == Code::kRefused);
  CHECK(says(status(*to), "--described-places"));
  CHECK(engine::Model::load(*to, "small").status().code() == Code::kNotFound);
  train(*from, true);
  const auto slower = elsewhere(folder.file("c"), *from,
                                [](storage::Schema& schema) { schema.axis.step_s = 7200; });
  CHECK(says(status(*slower), "step"));
  const auto other_units = elsewhere(
      folder.file("d"), *from, [](storage::Schema& schema) { schema.variables[1].units = "K"; });
  CHECK(says(status(*other_units), "variable \"y\" is in 1"));
  const auto other_task = elsewhere(folder.file("e"), *from, [](storage::Schema& schema) {
    nlohmann::json tasks = nlohmann::json::parse(schema.tasks_json);
    tasks[0]["future_states"] = 5;
    schema.tasks_json = tasks.dump();
  });
  CHECK(says(status(*other_task), "future_states"));
  const auto earlier = elsewhere(folder.file("f"), *from, [](storage::Schema& schema) {
    schema.axis.start_s -= 3600;  // held out an hour earlier than training ended there
  });
  CHECK(status(*earlier).code() == Code::kRefused);
  CHECK(says(status(*earlier), "was trained on times up to 2018-01-10T23:00:00Z"));
  CHECK(says(status(*earlier), "holds out those from 2018-01-10T23:00:00Z on"));
  CHECK(engine::transfer(*from, *earlier, {.task = "small", .allow_overlap = true}).ok());
  CHECK(status(*to).ok());
  CHECK(status(*to).code() == Code::kRefused);
  CHECK(says(status(*to), "--replace"));
  CHECK(engine::transfer(*from, *to, {.task = "none"}).status().code() == Code::kNotFound);
}

TEST_CASE("Transfer: an adjacency that only the first archive has is refused") {
  const TempDir folder;
  const auto plain = make_archive(folder.file("plain"), kStates);
  const auto with_roads = [](storage::Schema& schema) {
    nlohmann::json tasks = nlohmann::json::parse(schema.tasks_json);
    tasks[0]["network"]["adjacency"] = true;
    schema.tasks_json = tasks.dump();
    schema.places.adjacency.assign(25, 0.5f);
  };
  const auto roads = elsewhere(folder.file("roads"), *plain, with_roads);
  const auto same = elsewhere(folder.file("same"), *plain, with_roads);
  train(*roads, true);
  const Status lost = engine::transfer(*roads, *plain, {.task = "small"}).status();
  CHECK(lost.code() == Code::kBadInput);
  CHECK(lost.message().find("adjacency?") != std::string::npos);
  CHECK(engine::Model::load(*plain, "small").status().code() == Code::kNotFound);
  CHECK(engine::transfer(*roads, *same, {.task = "small"}).ok());
}

}  // namespace
}  // namespace skipcast::tests
