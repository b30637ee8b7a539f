// Every method of the table: interrupted again and again and resumed, it writes the bytes that an
// undisturbed run writes; its checkpoint is refused beside another model and gone at the end.
#include "engine/methods/method_table.h"

#include <filesystem>
#include <set>
#include <string>

#include "engine/models/weights.h"
#include "tests/support/file_bytes.h"
#include "tests/support/skip.h"
#include "tests/support/trained_model.h"

namespace {

using namespace skipcast::engine;
using skipcast::Code;
using skipcast::Result;
using skipcast::tests::bytes_of;
using skipcast::tests::overwrite;
using skipcast::tests::TempDir;
using skipcast::tests::TrainedModel;

constexpr int64_t kSteps = 6;

TrainRequest request_for(const MethodInfo& method) {
  return {.task = "small", .method = method.name, .steps_max = kSteps, .threads = 1};
}

bool stop_at_step_3(const skipcast::ProgressStep& step) {
  return step.detail.find("step 3,") == std::string::npos;
}

std::string checkpoint_of(const TrainedModel& t, const std::string& method) {
  return method == "network" ? t.paths.checkpoint : checkpoint_path(*t.store, "small", method);
}

// Stopped once in every stage.
TrainReport interrupted_and_resumed(const TrainedModel& t, const MethodInfo& method,
                                    size_t stages) {
  TrainRequest request = request_for(method);
  request.progress = stop_at_step_3;
  for (size_t i = 0; i < stages; ++i) {
    const auto stopped = train(*t.store, request);
    REQUIRE(stopped.status().code() == Code::kInterrupted);
    CHECK(stopped.status().message().find("step 3; run again with --resume") != std::string::npos);
    CHECK(std::filesystem::exists(checkpoint_of(t, method.name)));
    request.resume = true;
  }
  const auto report = train(*t.store, request);
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  return *report;
}

}  // namespace

TEST_CASE("Methods: interrupted in each stage and resumed, they write the bytes of a whole run") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  const std::string weights = bytes_of(t.paths.weights);
  const std::string description = bytes_of(t.paths.description);
  const auto put_back = [&] {
    overwrite(t.paths.weights, weights);
    overwrite(t.paths.description, description);
  };
  for (const MethodInfo& method : methods()) {
    CAPTURE(std::string(method.name));
    put_back();
    const auto whole = train(*t.store, request_for(method));
    REQUIRE_MESSAGE(whole.ok(), whole.status().message());
    const std::string expected = bytes_of(whole->model_path);
    put_back();
    const TrainReport report = interrupted_and_resumed(t, method, whole->stages.size());
    CHECK(report.steps == whole->steps);
    CHECK(report.best_step == whole->best_step);
    CHECK(report.loss == whole->loss);
    CHECK(report.model_path == whole->model_path);
    CHECK(bytes_of(report.model_path) == expected);
    const bool kept = std::filesystem::exists(checkpoint_of(t, method.name));
    CHECK(kept == (std::string(method.name) == "network"));
  }
}

TEST_CASE("Methods: a checkpoint of another model, or of other options, is refused") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  TrainRequest request = {.task = "small", .method = "one-step", .steps_max = kSteps};
  request.resume = true;
  CHECK(train(*t.store, request).status().code() == Code::kNotFound);
  request.resume = false;
  request.progress = stop_at_step_3;
  REQUIRE(train(*t.store, request).status().code() == Code::kInterrupted);
  request.resume = true;
  TrainRequest other = request;
  other.evaluations = 2;
  CHECK(train(*t.store, other).status().code() == Code::kRefused);
  REQUIRE(train(*t.store, {.task = "small", .steps_max = 7}).ok());
  const auto refused = train(*t.store, request);
  CHECK(refused.status().code() == Code::kRefused);
  CHECK(refused.status().message().find("another model") != std::string::npos);
}

TEST_CASE("Methods: names are unique, an unknown one is answered with the list") {
  std::set<std::string> names;
  for (const MethodInfo& method : methods()) {
    CHECK(names.insert(method.name).second);
    CHECK(find_method(method.name).ok());
  }
  const auto unknown = find_method("magic");
  CHECK(unknown.status().code() == Code::kUsage);
  CHECK(unknown.status().message().find("one-step") != std::string::npos);
}
