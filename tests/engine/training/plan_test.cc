// Plans: small tasks keep the defaults, large ones shrink to what the minutes and memory allow,
// what a recipe sets stays, and what does not fit is refused with what would.
#include "engine/training/plan.h"

#include <string>

#include "engine/data/planned_options.h"
#include "tests/support/networks.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"
#include "tests/support/trained.h"

namespace {

using namespace skipcast::engine;
using skipcast::Code;
using skipcast::tests::make_archive;
using skipcast::tests::TempDir;

Task open_task(const std::string& more = "") {
  auto task = task_from_json(R"({"name": "t", "variables": ["a"], "context_states": 12,
                                 "future_states": 12)" +
                                 more + "}",
                             skipcast::storage::PlacesKind::kGraph);
  REQUIRE_MESSAGE(task.ok(), task.status().message());
  return *task;
}

PlanSizes sizes_of(int64_t places, int64_t windows) {
  PlanSizes sizes;
  sizes.shape.context_states = sizes.shape.future_states = 12;
  sizes.shape.variables = sizes.shape.context_variables = 1;
  sizes.shape.places = places;
  sizes.shape.calendar = 11;
  sizes.training_windows = windows;
  sizes.flops_a_second = nominal_flops_a_second(2, false);
  return sizes;
}

double steps_of(const Task& task, const PlanSizes& sizes) {
  return 60 * task.training.minutes * sizes.flops_a_second /
         training_cost(task, sizes.shape).window_flops / static_cast<double>(task.training.batch);
}

}  // namespace

TEST_CASE("Plan: a small task keeps the defaults") {
  const Task task = open_task();
  const Task plan = planned_task(task, sizes_of(10, 24000));
  CHECK(plan.unset.empty());
  CHECK(plan.network.width == task.network.width);
  CHECK(plan.network.inducing == 0);
  CHECK(plan.training.batch == task.training.batch);
  CHECK(plan.training.sigma_draws == task.training.sigma_draws);
  CHECK(plan.training.warmup_steps == task.training.warmup_steps);
  CHECK(plan.training.validation_windows == task.training.validation_windows);
}

TEST_CASE("Plan: 207 places shrink until twelve minutes see eight epochs") {
  const PlanSizes sizes = sizes_of(207, 24000);
  const Task plan = planned_task(open_task(), sizes);
  CHECK(plan.network.inducing > 0);
  CHECK(plan.training.sigma_draws == 1);
  CHECK(plan.network.width >= 48);
  CHECK(steps_of(plan, sizes) >= 2000);
  CHECK(steps_of(plan, sizes) * static_cast<double>(plan.training.batch) >= 8 * 24000.0);
  const double validations = static_cast<double>(plan.training.validations) *
                             training_cost(plan, sizes.shape).validation_flops;
  CHECK(validations <= 0.05 * 720 * sizes.flops_a_second);
  CHECK(to_json(planned_task(open_task(), sizes)) == to_json(plan));
}

TEST_CASE("Plan: more minutes give more network, and what a recipe sets stays") {
  const PlanSizes sizes = sizes_of(2000, 24000);
  const Task few = planned_task(open_task(R"(, "training": {"minutes": 5})"), sizes);
  const Task many = planned_task(open_task(R"(, "training": {"minutes": 500})"), sizes);
  CHECK(many.network.width > few.network.width);
  const Task set = planned_task(
      open_task(R"(, "training": {"batch": 64, "sigma_draws": 4}, "network": {"width": 128})"),
      sizes);
  CHECK(set.training.batch == 64);
  CHECK(set.training.sigma_draws == 4);
  CHECK(set.network.width == 128);
  CHECK(set.network.blocks == 1);  // what is left to choose
}

TEST_CASE("Plan: memory bounds what is chosen") {
  PlanSizes sizes = sizes_of(8600, 1000);
  sizes.flops_a_second *= 1000;
  const Task ample = planned_task(open_task(), sizes);
  sizes.memory_bytes = 0.8e9;
  const Task scarce = planned_task(open_task(), sizes);
  CHECK(process_bytes(ample, sizes) > sizes.memory_bytes);
  CHECK(process_bytes(scarce, sizes) <= sizes.memory_bytes);
}

TEST_CASE("Plan: what does not fit is refused, and what would fit is said") {
  const TempDir folder;
  const auto store = make_archive(folder.file("a"), 400);
  TrainRequest request;
  request.threads = 1;
  request.process_bytes_max = 700 << 20;
  Task task = find_task(*store, "small").value();
  CHECK(plan_training(*store, task, request).ok());
  task.network.width = 4096;
  const auto refused = plan_training(*store, task, request);
  REQUIRE(refused.status().code() == Code::kUnsupported);
  CHECK(refused.status().message().find("this would fit: ") != std::string::npos);
  CHECK(refused.status().message().find("\"width\": ") != std::string::npos);
  request.process_bytes_max = 1000;
  CHECK(plan_training(*store, task, request).status().message().find("nothing smaller fits") !=
        std::string::npos);
}

TEST_CASE("Plan: what the budget will reach is said") {
  const TempDir folder;
  const auto store = make_archive(folder.file("a"), 400);
  Task task = find_task(*store, "small").value();
  task.training.minutes = 0;
  task.training.steps_max = 1500;
  auto plan = plan_training(*store, task, {});
  REQUIRE(plan.ok());
  CHECK(plan->text.find("batch 16, 2 draws, width 16, 1 + 1 blocks, full attention") == 0);
  CHECK(plan->text.find(": 1,500 steps, ") != std::string::npos);
  task.training.minutes = 3;
  plan = plan_training(*store, task, {});
  REQUIRE(plan.ok());
  CHECK(plan->text.find("about ") != std::string::npos);
  CHECK(plan->text.find(" in 3 minutes") != std::string::npos);
}
