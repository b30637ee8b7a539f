// The training loop on a method of one parameter: budgets, what is kept, what is refused, stages.
#include "engine/training/training_loop.h"

#include <ATen/ATen.h>

#include <chrono>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "engine/models/model_file.h"
#include "storage/files/file_io.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"
#include "tests/support/trained.h"

namespace {

using namespace skipcast::engine;
using skipcast::Code;
using skipcast::Result;
using skipcast::Status;
using skipcast::storage::SeriesStore;
using skipcast::tests::make_archive;
using skipcast::tests::TempDir;

// Moves x towards 1 by the loss (x - 1)^2.
class Toy : public Method {
 public:
  explicit Toy(const SeriesStore& store) : store_(store) {}

  Result<TrainingOrigin> open() override {
    return TrainingOrigin{.task = find_task(store_, "small").value(),
                          .base = base,
                          .checkpoint = checkpoint_path(store_, "small", "toy")};
  }
  Status prepare(const TrainingState*) override { return {}; }
  bool has_stage(int64_t stage) const override { return stage < stages; }
  Result<TrainingStage> begin(int64_t) override {
    x_ = at::zeros({1});
    TrainingStage stage;
    stage.parameters = std::make_unique<FlatParameters>(x_, "toy");
    stage.optimiser = std::make_unique<AdamW>(*stage.parameters);
    stage.options = options;
    stage.constant_rate = true;
    stage.spent_seconds = spent_seconds;
    return stage;
  }
  at::Tensor loss(int64_t step) override {
    ++losses;
    const at::Tensor loss = (x_ - 1).square().sum();
    return step == diverges_at ? loss / 0 : loss;
  }
  Validation validate() override {
    seen.push_back(x_.item<double>());
    const std::chrono::duration<double> long_lasting(validation_seconds);
    const auto until = std::chrono::steady_clock::now() + long_lasting;
    while (std::chrono::steady_clock::now() < until) at::zeros({1});
    const double score = scores.empty() ? seen.back() : scores[(seen.size() - 1) % scores.size()];
    return {.score = score, .shown = score};
  }
  Status end(int64_t) override {
    kept.push_back(x_.item<double>());
    return {};
  }
  Status finish(TrainReport&) override { return {}; }

  std::string base = "base";
  TrainingOptions options = {
      .minutes = 0, .steps_max = 8, .learning_rate = 0.1, .weight_decay = 0, .validations = 0};
  double spent_seconds = 0, validation_seconds = 0;
  int64_t stages = 1, diverges_at = -1, losses = 0;
  std::vector<double> scores, seen, kept;

 private:
  const SeriesStore& store_;
  at::Tensor x_;
};

struct Scene {
  TempDir folder;
  std::unique_ptr<SeriesStore> store = make_archive(folder.file("a"), 60);
  std::string checkpoint = checkpoint_path(*store, "small", "toy");

  Result<TrainReport> run(Toy& toy, bool resume = false, skipcast::Progress progress = {}) {
    const TrainRequest request = {
        .task = "small", .method = "toy", .resume = resume, .progress = std::move(progress)};
    return run_training(toy, *store, request);
  }
};

}  // namespace

TEST_CASE("Training loop: as many steps as were asked for; without validations the last is kept") {
  Scene scene;
  Toy toy(*scene.store);
  const auto report = scene.run(toy);
  REQUIRE(report.ok());
  CHECK(report->steps == 8);
  CHECK(report->best_step == 8);
  CHECK(report->parameters == 1);
  CHECK(toy.losses == 8);
  CHECK(toy.kept[0] > 0.5);
  CHECK_FALSE(std::filesystem::exists(scene.checkpoint));
}

TEST_CASE("Training loop: the minutes end it too") {
  Scene scene;
  Toy toy(*scene.store);
  toy.options.minutes = 0.002;
  toy.options.steps_max = int64_t{1} << 40;
  const auto report = scene.run(toy);
  REQUIRE(report.ok());
  CHECK(report->steps > 0);
  CHECK(report->seconds >= 0.11);
}

TEST_CASE("Training loop: the minutes hold what came before the steps, and the last validation") {
  Scene scene;
  Toy toy(*scene.store);
  toy.options.minutes = 0.02;  // 1.2 s
  toy.options.steps_max = int64_t{1} << 40;
  toy.options.validations = 3;
  toy.spent_seconds = 0.3;
  toy.validation_seconds = 0.2;
  const auto report = scene.run(toy);
  REQUIRE(report.ok());
  CHECK(toy.seen.size() == 3);
  CHECK(report->seconds > 1.1);
  CHECK(report->seconds < 1.3);  // without the reserve 1.4
  Toy spent(*scene.store);
  spent.options.minutes = 0.002;
  spent.spent_seconds = 1;
  REQUIRE(scene.run(spent).ok());
  CHECK(spent.losses == 1);
}

TEST_CASE("Training loop: the weights of the best validation are kept, a NaN is never the best") {
  Scene scene;
  Toy toy(*scene.store);
  toy.options.validations = 4;
  toy.scores = {std::numeric_limits<double>::quiet_NaN(), 3, 5, 4};
  const auto report = scene.run(toy);
  REQUIRE(report.ok());
  REQUIRE(toy.seen.size() == 4);
  CHECK(report->best_step == 4);
  CHECK(report->validation_crps == 3);
  CHECK(toy.kept[0] == toy.seen[1]);
}

TEST_CASE("Training loop: a loss that is not finite ends it with advice") {
  Scene scene;
  Toy toy(*scene.store);
  toy.diverges_at = 3;
  const auto report = scene.run(toy);
  CHECK(report.status().code() == Code::kBadInput);
  CHECK(report.status().message().find("not finite at step 3; nothing is changed") !=
        std::string::npos);
}

TEST_CASE("Training loop: a stage that has ended is not trained again after a resume") {
  Scene scene;
  Toy whole(*scene.store), first(*scene.store), second(*scene.store);
  whole.stages = first.stages = second.stages = 2;
  REQUIRE(scene.run(whole).ok());
  const auto stop_in_second = [&first](const skipcast::ProgressStep&) { return first.losses < 11; };
  CHECK(scene.run(first, false, stop_in_second).status().code() == Code::kInterrupted);
  CHECK(first.kept.size() == 1);
  const auto report = scene.run(second, true);
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  CHECK(report->steps == 16);
  CHECK(second.losses == 5);
  CHECK(second.kept == whole.kept);
  CHECK_FALSE(std::filesystem::exists(scene.checkpoint));
}

TEST_CASE("Training loop: another base's checkpoint is refused; a log line a validation") {
  Scene scene;
  Toy toy(*scene.store), other(*scene.store);
  toy.options.validations = 4;
  CHECK(scene.run(toy, false, [&](const skipcast::ProgressStep&) { return toy.losses < 4; })
            .status()
            .code() == Code::kInterrupted);
  other.base = "another";
  CHECK(scene.run(other, true).status().code() == Code::kRefused);
  const std::string log =
      skipcast::storage::read_file(model_paths(*scene.store, "small").log, 1 << 20).value();
  CHECK(log.find("\"event\":\"validate\"") != std::string::npos);
  CHECK(log.find("\"method\":\"toy\"") != std::string::npos);
}
