// Training: the loss falls, a resumed run has the bits of an uninterrupted one, test data is never
// seen, and stopping leaves a checkpoint.

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "engine/methods/network_trainer.h"
#include "engine/models/model.h"
#include "engine/models/model_file.h"
#include "engine/models/weights.h"
#include "engine/training/batches.h"
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

TEST_CASE("Trainer: loss and validation score fall on a predictable series") {
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

TEST_CASE("Trainer: half a run, resumed, has the bits of a whole one") {
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

TEST_CASE("Trainer: trains whatever the caller's gradient mode is") {
  const TempDir folder;
  const auto store = make_archive(folder.file("a"), 400);
  const at::NoGradGuard no_grad;
  CHECK(trained(*store, 3, false).steps == 3);
}

TEST_CASE("Trainer: resuming refuses other options and says when there is nothing to resume") {
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

TEST_CASE("Trainer: batches hold training windows only, each once an epoch") {
  const TempDir folder;
  const auto store = make_archive(folder.file("a"), 400);
  const auto task = find_task(*store, "small");
  REQUIRE(task.ok());
  const Split split = split_of(*task, store->size());
  const auto normalizer = skipcast::retrieval::Normalizer::fit(
      *store, {variable_numbers(*store, *task), task->base, split.train_end, 0});
  REQUIRE(normalizer.ok());
  const auto dataset = Dataset::load(*store, *task, *normalizer);
  REQUIRE(dataset.ok());
  const auto origins = part_origins(store->schema().axis, *task, split, Part::kTrain);
  const TargetSpace target = fit_target_space(**dataset, origins);
  BatchSource source(**dataset, target, origins), again(**dataset, target, origins);
  const int64_t batch = task->training.batch, epoch = static_cast<int64_t>(origins.size()) / batch;
  std::multiset<int64_t> seen;
  for (int64_t step = 0; step < epoch; ++step) {
    const auto drawn = source.origins_at(step);
    seen.insert(drawn.begin(), drawn.end());
    for (const int64_t origin : drawn) CHECK(origin + task->spec.future_states < split.train_end);
  }
  CHECK(seen.size() == std::set<int64_t>(seen.begin(), seen.end()).size());
  CHECK(again.origins_at(epoch - 1) == source.origins_at(epoch - 1));
  CHECK(again.origins_at(2 * epoch) != source.origins_at(0));

  const TrainingBatch one = source.batch(3);
  CHECK(std::abs(one.target.square().mean().item<double>() - 1) < 0.5);
  const auto network =
      make_network(task->network, shape_of(*task, store->schema().places, *normalizer, target));
  network->initialise(1);
  const double first = edm_loss(*network, one, *task, 7).item<double>();
  CHECK(first == edm_loss(*network, one, *task, 7).item<double>());
  CHECK(first != edm_loss(*network, one, *task, 8).item<double>());
}

TEST_CASE("Trainer: an archive too short for its split is said so") {
  const TempDir folder;
  const auto store = make_archive(folder.file("a"), 12);
  TrainRequest request;
  request.task = "small";
  const auto report = train(*store, request);
  CHECK(report.status().code() == Code::kBadInput);
  CHECK(report.status().message().find("too few for its split") != std::string::npos);
}

TEST_CASE("Learning rate: warms up, falls to 2 percent") {
  TrainingOptions options;
  options.warmup_steps = 10;
  CHECK(learning_rate_factor(options, 0, 0) == doctest::Approx(0.1));
  CHECK(learning_rate_factor(options, 9, 0) == doctest::Approx(1));
  CHECK(learning_rate_factor(options, 100, 0.5) == doctest::Approx(0.51));
  CHECK(learning_rate_factor(options, 100, 1) == doctest::Approx(0.02));
}

TEST_CASE("AdamW: the first step moves by the learning rate against the gradient's sign") {
  const auto network = std::make_shared<SigmaEmbedding>(8);
  FlatParameters flat(*network);
  AdamW optimiser(flat);
  flat.gradients.copy_(at::where(flat.decays > 0, at::full({1}, 3.0), at::full({1}, -0.5)));
  const at::Tensor before = flat.values.clone();
  optimiser.update(flat, 0.01, 0, 1);
  const at::Tensor moved = flat.values - before;
  CHECK(at::allclose(moved, at::where(flat.decays > 0, at::full({1}, -0.01), at::full({1}, 0.01)),
                     1e-4, 1e-6));
  // Parameters are views of the buffer: the module sees the step.
  CHECK(network->parameters()[0].data_ptr() == flat.values.data_ptr());
}
