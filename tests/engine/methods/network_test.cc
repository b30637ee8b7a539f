// Training a network: the loss falls, a resumed run has the bits of an uninterrupted one, and
// stopping leaves a checkpoint.

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/methods/method_table.h"
#include "engine/models/model.h"
#include "engine/models/model_file.h"
#include "engine/models/weights.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"
#include "tests/support/trained.h"

namespace {

using namespace skipcast::engine;
using skipcast::Code;
using skipcast::tests::make_archive;
using skipcast::tests::TempDir;

TrainReport trained(const skipcast::storage::SeriesStore& store, int64_t steps, bool resume) {
  TrainRequest request;
  request.task = "small";
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

}  // namespace

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
