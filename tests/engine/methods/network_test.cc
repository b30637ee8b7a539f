// Training a network: the loss falls, a resumed run has the bits of an uninterrupted one, and
// stopping leaves a checkpoint.

#include <ATen/ATen.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/forecast/forecaster.h"
#include "engine/methods/baseline_check.h"
#include "engine/methods/method_table.h"
#include "engine/models/model.h"
#include "engine/models/model_file.h"
#include "engine/models/weights.h"
#include "engine/training/validation.h"
#include "tests/support/memory_store.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"
#include "tests/support/trained.h"

namespace {

using namespace skipcast::engine;
using skipcast::Code;
using skipcast::tests::make_archive;
using skipcast::tests::TempDir;

TrainReport trained(const skipcast::storage::SeriesStore& store, int64_t steps, bool resume,
                    const std::string& task = "small") {
  TrainRequest request;
  request.task = task;
  request.steps_max = steps;
  request.resume = resume;
  request.threads = 1;
  const auto report = train(store, request);
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  return *report;
}

std::vector<nlohmann::json> log_lines(const std::string& path) {
  std::ifstream file(path);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

// The task "small" with so many networks, as a file.
std::string task_with_networks(const TempDir& folder, int64_t networks) {
  nlohmann::json task = nlohmann::json::parse(skipcast::tests::kSmallTask)[0];
  task["training"]["networks"] = networks;
  const std::string path = folder.file("networks.json");
  std::ofstream(path) << task;
  return path;
}

at::Tensor cold_members(const skipcast::storage::SeriesStore& store, const std::string& task,
                        int64_t member_batch) {
  const auto forecaster = Forecaster::open(store, task);
  REQUIRE_MESSAGE(forecaster.ok(), forecaster.status().message());
  ForecastOptions options = {{.start = {.kind = StartKind::kCold}, .steps = 3}, {.members = 7}};
  options.member_batch = member_batch;
  const auto forecast = (*forecaster)->forecast(700, options);
  REQUIRE_MESSAGE(forecast.ok(), forecast.status().message());
  CHECK(forecast->nfe == 3);
  CHECK(forecast->nfe_mean == 3);
  return forecast->normalised;
}

}  // namespace

TEST_CASE("Network: of several, each has its members and the mean is theirs") {
  const TempDir folder;
  const auto store = make_archive(folder.file("a"), 800);
  const std::string task = task_with_networks(folder, 2);
  const TrainReport report = trained(*store, 20, false, task);
  CHECK(report.steps == 40);
  CHECK(report.stages.size() == 2);
  const auto model = Model::load(*store, task);
  REQUIRE_MESSAGE(model.ok(), model.status().message());
  CHECK((*model)->networks() == 2);
  const at::Tensor both = cold_members(*store, task, 0);
  CHECK(at::equal(cold_members(*store, task, 2), both));

  const auto alone = make_archive(folder.file("b"), 800);
  trained(*alone, 20, false);
  const at::Tensor first = cold_members(*alone, "small", 0);
  for (int64_t m = 0; m < 7; ++m) CHECK(at::equal(both[m], first[m]) == (m % 2 == 0));

  const auto dataset = Dataset::load(*store, (*model)->task(), (*model)->normalizer());
  const std::vector<int64_t> origins = {300, 500};
  const ContextBatch contexts = (*dataset)->contexts(origins);
  const auto one = Model::load(*alone, "small");
  const at::Tensor mean = (*model)->mean_forecast(contexts);
  const at::Tensor own = (*one)->mean_forecast(contexts);
  CHECK_FALSE(at::allclose(mean, own));
  const ContextBatch query = (*dataset)->contexts({origins.data(), 1});
  const at::Tensor zero = at::zeros({1, 4, 1, 3});
  at::Tensor sum = at::zeros({1, 4, 1, 3});
  for (const int64_t i : {0, 1}) {
    const auto denoise = (*model)->condition_by(i, query);
    sum =
        sum + (*model)->from_target(denoise(zero, (*model)->task().schedule.sigma_max), query.last);
  }
  CHECK(at::allclose(sum / 2, mean.narrow(0, 0, 1), 1e-5, 1e-6));
}

TEST_CASE("Network: several share the minutes of one") {
  const TempDir folder;
  const auto store = make_archive(folder.file("a"), 200);
  TrainRequest request = {.task = "small", .minutes = 0.1, .networks = 3, .threads = 1};
  const auto three = train(*store, request);
  REQUIRE_MESSAGE(three.ok(), three.status().message());
  CHECK(three->stages.size() == 3);
  CHECK(three->seconds < 2 * 0.1 * 60);  // shared, not one each
}

TEST_CASE("Network: loss and validation score fall on a predictable series") {
  const TempDir folder;
  const auto store = make_archive(folder.file("a"), 800);
  const TrainReport report = trained(*store, 150, false);
  CHECK(report.steps == 150);
  CHECK(report.loss < 0.8);
  const ModelPaths paths = model_paths(*store, "small");
  std::vector<double> scores, normalised;
  for (const auto& line : log_lines(paths.log)) {
    if (line["event"] == "validate") {
      scores.push_back(line["score"].get<double>());
      normalised.push_back(line["crps"].get<double>());
    }
  }
  REQUIRE(scores.size() == 4);
  CHECK(scores.back() < 0.9 * scores.front());
  const auto best = std::min_element(scores.begin(), scores.end()) - scores.begin();
  CHECK(report.validation_crps == normalised[static_cast<size_t>(best)]);
  CHECK(report.model_path == paths.weights);
  CHECK(Model::load(*store, "small").ok());
}

TEST_CASE("Network: half a run, resumed, has the bits of a whole one") {
  const TempDir folder;
  const auto whole = make_archive(folder.file("whole"), 400);
  const auto halves = make_archive(folder.file("halves"), 400);
  trained(*whole, 20, false);
  TrainRequest request;
  request.task = "small";
  request.steps_max = 20;
  request.threads = 1;
  request.progress = [](const skipcast::ProgressStep& step) { return step.fraction < 0.5; };
  const auto stopped = train(*halves, request);
  REQUIRE(stopped.status().code() == Code::kInterrupted);
  CHECK(stopped.status().message().find("step 10; run again with --resume") != std::string::npos);
  const TrainReport resumed = trained(*halves, 20, true);
  CHECK(resumed.steps == 20);
  const auto a = read_weights(model_paths(*whole, "small").checkpoint);
  const auto b = read_weights(model_paths(*halves, "small").checkpoint);
  REQUIRE(a.ok());
  REQUIRE(b.ok());
  for (const char* name : {"values", "average", "first_moment", "second_moment"}) {
    CAPTURE(name);
    CHECK(at::equal(a->tensors.at(name), b->tensors.at(name)));
  }
}

TEST_CASE("Network: a checkpoint of format version 1 is still resumed, to the same bits") {
  const TempDir folder;
  const auto whole = make_archive(folder.file("whole"), 400);
  const auto halves = make_archive(folder.file("halves"), 400);
  trained(*whole, 8, false);
  TrainRequest request = {.task = "small", .steps_max = 8, .threads = 1};
  request.progress = [](const skipcast::ProgressStep& step) { return step.fraction < 0.5; };
  REQUIRE(train(*halves, request).status().code() == Code::kInterrupted);
  const std::string path = model_paths(*halves, "small").checkpoint;
  Weights file = read_weights(path).value();
  nlohmann::json state = nlohmann::json::parse(file.metadata["state"]);
  state["version"] = 1;
  state.erase("loss");
  state.erase("stages");
  file.metadata["state"] = state.dump();
  file.metadata.erase("base");
  REQUIRE(write_weights(path, file).ok());
  trained(*halves, 8, true);
  const Weights a = read_weights(model_paths(*whole, "small").checkpoint).value();
  const Weights b = read_weights(path).value();
  CHECK(at::equal(a.tensors.at("values"), b.tensors.at("values")));
  CHECK(at::equal(a.tensors.at("average"), b.tensors.at("average")));
}

TEST_CASE("Network: what the task leaves to the data is chosen, told, and kept in the model") {
  const TempDir folder;
  const auto store = make_archive(folder.file("a"), 400);
  nlohmann::json tasks = nlohmann::json::parse(store->schema().tasks_json);
  tasks[0].erase("base");
  tasks[0].erase("calendar");
  REQUIRE(store->set_tasks(tasks.dump()).ok());
  const TrainReport report = trained(*store, 3, false);
  REQUIRE(report.lines.size() == 6);
  CHECK(report.lines[0] == "calendar: hour_of_day (by the step, and 10 days of training)");
  CHECK(report.lines[1].starts_with("transform of x: none (held-out error: none 0."));
  CHECK(report.lines[3].starts_with("base: mean (held-out error 0."));
  const Task kept = read_model(*store, "small")->parts.task;
  CHECK(kept.calendar == std::vector<std::string>{"hour_of_day"});
  CHECK(kept.transform.size() == 2);
  CHECK(log_lines(model_paths(*store, "small").log).front()["choices"][0] == report.lines[0]);
  // An archive that has grown since changes no choice of a training that goes on.
  skipcast::storage::StateBlock block{400, 900, std::vector<float>(900 * 6, 1)};
  REQUIRE(store->append(block).ok());
  CHECK(trained(*store, 5, true).lines[0] == report.lines[0]);
}

TEST_CASE("Network: says how it does beside climatology and analogs, and warns when it loses") {
  const TempDir folder;
  const auto store = make_archive(folder.file("a"), 800);
  const std::string line = trained(*store, 150, false).lines.back();
  const nlohmann::json event = log_lines(model_paths(*store, "small").log).back();
  CHECK(event["event"] == "compare");
  const BaselineScores scores = {.network = event["score"].get<double>(),
                                 .climatology = event["climatology_score"].get<double>(),
                                 .analogs = event["analogs_score"].get<double>()};
  CHECK(line == baseline_line(scores));
  // A period of nine hours is unknown to the calendar, and almost without noise.
  CHECK(scores.network < 0.2 * scores.climatology);
  CHECK(*scores.analogs < 0.2 * scores.climatology);
  CHECK(baseline_line({0.3, 0.4, 0.35}) ==
        "compared  validation CRPS / mean deviation: network 0.300, climatology 0.400, analogs "
        "0.350");
  CHECK(baseline_line({0.36, 0.4, 0.35}).ends_with("loses to analogs; give it more time"));
  CHECK(baseline_line({0.41, 0.4, 0.35}).ends_with("loses to climatology; give it more time"));
  CHECK(baseline_line({0.36, 0.4, {}}).starts_with("compared  "));
  CHECK(baseline_line({0.4, 0.4, {}}).starts_with("warning   "));
}

TEST_CASE("Network: climatology repeats what came at the same time of the week, else of the day") {
  Task task;
  task.name = "t";
  task.variables = task.context_variables = {"a"};
  task.spec = {.context_states = 4, .future_states = 3};
  const auto score = [&task](int64_t hours, bool weekly) {
    std::vector<float> values;
    for (int64_t hour = 0; hour < hours; ++hour) {
      const int64_t value = weekly && hour % 168 >= 120 ? 3 : hour % 24;
      for (int64_t place = 0; place < 2; ++place)
        values.push_back(static_cast<float>(value + place));
    }
    const skipcast::tests::MemoryStore store(skipcast::tests::memory_schema(1, 2), values);
    const Split split = split_of(task, hours);
    const auto normalizer =
        skipcast::retrieval::Normalizer::fit(store, normalizer_options(store, task, split)).value();
    const auto dataset = Dataset::load(store, task, normalizer).value();
    const auto origins = part_origins(store.schema().axis, task, split, Part::kValidation);
    return validate_climatology(*dataset, split, origins).score;
  };
  CHECK(score(10 * 24, false) < 1e-5);  // no week is seen four times, but days are
  CHECK(score(10 * 168, true) < 1e-5);
  CHECK(score(100, false) > 0.1);  // not even days
}

TEST_CASE("Network: trains whatever the caller's gradient mode is") {
  const TempDir folder;
  const auto store = make_archive(folder.file("a"), 400);
  const at::NoGradGuard no_grad;
  CHECK(trained(*store, 3, false).steps == 3);
}

TEST_CASE("Network: resuming refuses other options and says when there is nothing to resume") {
  const TempDir folder;
  const auto store = make_archive(folder.file("a"), 400);
  TrainRequest request;
  request.task = "small";
  request.steps_max = 4;
  request.resume = true;
  CHECK(train(*store, request).status().code() == Code::kNotFound);
  trained(*store, 4, false);
  nlohmann::json tasks = nlohmann::json::parse(store->schema().tasks_json);
  tasks[0]["network"]["width"] = 24;
  REQUIRE(store->set_tasks(tasks.dump()).ok());
  CHECK(train(*store, request).status().code() == Code::kRefused);
}

TEST_CASE("Network: an archive too short for its split is said so") {
  const TempDir folder;
  const auto store = make_archive(folder.file("a"), 12);
  TrainRequest request;
  request.task = "small";
  const auto report = train(*store, request);
  CHECK(report.status().code() == Code::kBadInput);
  CHECK(report.status().message().find("too few for its split") != std::string::npos);
}
