// Models: loading gives back what was trained, and refuses what does not belong together.
#include "engine/models/model.h"

#include <ATen/Parallel.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/methods/method_table.h"
#include "engine/models/model_file.h"
#include "storage/files/file_io.h"
#include "tests/support/networks.h"
#include "tests/support/skip.h"
#include "tests/support/trained_model.h"

namespace {

using namespace skipcast::engine;
using skipcast::Code;
using skipcast::storage::SeriesStore;
using skipcast::tests::make_archive;
using skipcast::tests::TempDir;
using skipcast::tests::TrainedModel;

std::string slurp(const std::string& path) {
  return skipcast::storage::read_file(path, 1 << 30).value();
}

void spill(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace

TEST_CASE("Model: a task that is not trained names the command that trains it") {
  const TempDir folder;
  const auto store = make_archive(folder.file("a"), 100);
  const auto model = Model::load(*store, "small");
  CHECK(model.status().code() == Code::kNotFound);
  CHECK(model.status().message().find("skipcast train " + store->path() + " --task small") !=
        std::string::npos);
  CHECK(Model::load(*store, "none").status().code() == Code::kNotFound);
}

TEST_CASE("Model: denoises the same bits for any member batch and thread count") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  const auto model = Model::load(*t.store, "small");
  REQUIRE_MESSAGE(model.ok(), model.status().message());
  const auto dataset = Dataset::load(*t.store, (*model)->task(), (*model)->normalizer());
  REQUIRE(dataset.ok());
  const std::vector<int64_t> origin = {350};
  const auto denoise = (*model)->condition((*dataset)->contexts(origin));
  const at::Tensor x = skipcast::tests::random_values({9, 4, 1, 3}, 3) * 5;
  for (const double sigma : {20.0, 1.0, 0.05}) {
    at::set_num_threads(1);
    const at::Tensor all = denoise(x, sigma);
    at::set_num_threads(2);
    CHECK(at::equal(at::cat({denoise(x.narrow(0, 0, 1), sigma), denoise(x.narrow(0, 1, 8), sigma)}),
                    all));
    at::set_num_threads(1);
  }
}

TEST_CASE("Model: target space and back, and a mean forecast in normalised units") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  const auto loaded = Model::load(*t.store, "small");
  REQUIRE(loaded.ok());
  const Model& model = **loaded;
  const auto dataset = Dataset::load(*t.store, model.task(), model.normalizer());
  REQUIRE(dataset.ok());
  const std::vector<int64_t> origins = {300, 310, 320};
  const ContextBatch contexts = (*dataset)->contexts(origins);
  const at::Tensor future = (*dataset)->filled_futures(origins);
  const at::Tensor target = model.to_target(future, contexts.last);
  CHECK(at::allclose(model.from_target(target, contexts.last), future, 1e-5, 1e-5));
  CHECK(at::allclose(model.from_target(target.narrow(0, 1, 1), contexts.last[1]),
                     future.narrow(0, 1, 1), 1e-5, 1e-5));
  const at::Tensor mean = model.mean_forecast(contexts);
  CHECK(mean.sizes() == future.sizes());
  const std::vector<int64_t> one = {310};
  CHECK(at::equal(model.mean_forecast((*dataset)->contexts(one))[0], mean[1]));
}

TEST_CASE("Model: another archive, task or version is refused") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  const std::string good = slurp(t.paths.description);
  const auto other = make_archive(folder.file("b"), 100);
  std::filesystem::create_directories(other->path() + "/models");
  for (const char* file : {"/models/small.json", "/models/small.safetensors"}) {
    std::filesystem::copy_file(t.store->path() + file, other->path() + file);
  }
  const auto foreign = Model::load(*other, "small");
  CHECK(foreign.status().code() == Code::kRefused);
  CHECK(foreign.status().message().find("another archive") != std::string::npos);

  nlohmann::json json = nlohmann::json::parse(good);
  json["version"] = 2;
  spill(t.paths.description, json.dump());
  CHECK(t.code() == Code::kUnsupported);
  json["version"] = 1;
  json["task"]["name"] = "large";
  spill(t.paths.description, json.dump());
  CHECK(t.code() == Code::kRefused);
  spill(t.paths.description, good);
  CHECK(t.code() == Code::kOk);

  nlohmann::json tasks = nlohmann::json::parse(t.store->schema().tasks_json);
  tasks[0]["training"]["batch"] = 99;  // how it was trained may change
  REQUIRE(t.store->set_tasks(tasks.dump()).ok());
  CHECK(t.code() == Code::kOk);
  tasks[0]["future_states"] = 3;  // what is forecast may not
  REQUIRE(t.store->set_tasks(tasks.dump()).ok());
  CHECK(t.code() == Code::kRefused);
  CHECK(t.message().find("train it again") != std::string::npos);
}

TEST_CASE("Model: no damaged byte of the description is believed") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  const std::string good = slurp(t.paths.description);
  for (size_t i = 0; i < good.size(); i += 7) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    spill(t.paths.description, bad);
    CAPTURE(i);
    REQUIRE(t.code() != Code::kOk);
  }
  spill(t.paths.description, good.substr(0, good.size() / 2));
  CHECK(t.code() == Code::kDataLoss);
  spill(t.paths.description, good);
  REQUIRE(t.code() == Code::kOk);
}

TEST_CASE("Model: files of two runs do not mix, damaged weights are refused") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  std::string bytes = slurp(t.paths.weights);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  spill(t.paths.weights, bytes);
  CHECK(t.code() == Code::kDataLoss);
  nlohmann::json json = nlohmann::json::parse(slurp(t.paths.description));
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  spill(t.paths.weights, bytes);
  json["split"]["train_end"] = 100;
  spill(t.paths.description, json.dump(1) + "\n");
  CHECK(t.code() == Code::kDataLoss);
  CHECK(t.message().find("do not belong together") != std::string::npos);
}

TEST_CASE("Model: the fingerprint tells weights apart") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  const std::string before = Model::load(*t.store, "small").value()->fingerprint();
  CHECK(before.size() == 16);
  CHECK(Model::load(*t.store, "small").value()->fingerprint() == before);
  TrainRequest request;
  request.task = "small";
  request.steps_max = 9;
  REQUIRE(train(*t.store, request).ok());
  CHECK(Model::load(*t.store, "small").value()->fingerprint() != before);
}
