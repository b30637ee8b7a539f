#include "engine/training/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <thread>

#include "engine/data/planned_options.h"
#include "engine/training/memory_limit.h"
#include "engine/training/speed_probe.h"

namespace skipcast::engine {
namespace {

constexpr double kSteps = 2000, kEpochs = 8;  // that a budget should reach
constexpr double kMinutes = 12;               // of a budget without a clock
constexpr double kMemoryShare = 0.9;          // of what is available
constexpr double kProgramBytes = 350e6;       // the program, LibTorch, the open archive
constexpr double kFittingBytes = 250e6;       // of fitting the target space, at most
constexpr double kFittingWindows = 512 * 5;   // that are held in doubles
constexpr double kSlow = 4;                   // so much slower than ordinary: plan anew
constexpr double kValidationShare = 0.05;     // of the budget
constexpr int64_t kFullAttentionMax = 64;     // tokens
constexpr int64_t kFullAttentionMaxGrid = 512;
constexpr int64_t kManyPlaces = 1024;

// What is given up, in this order. Smaller batches only help the number of steps.
struct Rung {
  const char* key;
  int64_t value;
};
constexpr std::array kLadder = {
    Rung{"sigma_draws", 2}, Rung{"sigma_draws", 1}, Rung{"batch", 32}, Rung{"batch", 16},
    Rung{"width", 96},      Rung{"width", 64},      Rung{"blocks", 2}, Rung{"context_blocks", 1},
    Rung{"batch", 8},       Rung{"width", 48},      Rung{"width", 32}, Rung{"batch", 4},
    Rung{"blocks", 1},      Rung{"width", 24},      Rung{"width", 16}, Rung{"batch", 2},
    Rung{"batch", 1},
};

// Validations and windows of each, likewise.
constexpr std::array<std::array<int64_t, 2>, 9> kValidations = {
    {{8, 128}, {8, 64}, {6, 64}, {6, 32}, {4, 32}, {4, 16}, {3, 16}, {2, 16}, {2, 8}}};

double budget_seconds(const Task& task) {
  return 60 * (task.training.minutes > 0 ? task.training.minutes : kMinutes);
}

struct Reach {
  double steps, epochs;
};

Reach reach(const Task& task, const PlanSizes& sizes) {
  const TrainingCost cost = training_cost(task, sizes.shape, sizes.gpu);
  const double windows =
      budget_seconds(task) * (1 - kValidationShare) * sizes.flops_a_second / cost.window_flops;
  return {windows / static_cast<double>(task.training.batch),
          windows / static_cast<double>(std::max<int64_t>(1, sizes.training_windows))};
}

bool fits(const Task& task, const PlanSizes& sizes) {
  return sizes.memory_bytes <= 0 || process_bytes(task, sizes) <= sizes.memory_bytes;
}

int64_t inducing_points(const Task& task, const PlanSizes& sizes) {
  const bool grid = sizes.shape.rows > 0 && task.network.kind == kGridNet;
  const int64_t tokens = network_cost(task.network, sizes.shape).attending;
  if (task.network.adjacency) return 0;  // which only full attention knows
  if (tokens <= (grid ? kFullAttentionMaxGrid : kFullAttentionMax)) return 0;
  return tokens < kManyPlaces ? 16 : 32;
}

bool applies(const Rung& rung, Task& task, const Reach& now) {
  if (!is_unset(task, rung.key) || planned_option(task, rung.key) <= rung.value) return false;
  const std::string_view key = rung.key;
  if (key == "batch") return now.steps < kSteps;
  return key != "width" || rung.value % task.network.heads == 0;
}

void choose_validations(Task& task, const PlanSizes& sizes) {
  const double allowed = kValidationShare * budget_seconds(task) * sizes.flops_a_second;
  for (const auto& [validations, windows] : kValidations) {
    if (is_unset(task, "validations")) task.training.validations = validations;
    if (is_unset(task, "validation_windows")) task.training.validation_windows = windows;
    const double flops = training_cost(task, sizes.shape, sizes.gpu).validation_flops;
    if (flops * static_cast<double>(task.training.validations) <= allowed) return;
  }
}

}  // namespace

double process_bytes(const Task& task, const PlanSizes& sizes) {
  const TrainingCost cost = training_cost(task, sizes.shape, sizes.gpu);
  const double future = static_cast<double>(sizes.shape.future_states * sizes.shape.variables) *
                        static_cast<double>(sizes.shape.places);
  const double fitting = std::min(kFittingBytes, kFittingWindows * sizeof(double) * future);
  const double passes = sizes.gpu ? 0 : std::max(cost.part_bytes, fitting);
  return kProgramBytes + sizes.series_bytes + cost.fixed_bytes + passes;
}

Task planned_task(const Task& task, const PlanSizes& sizes) {
  Task plan = task;
  if (is_unset(plan, "inducing")) plan.network.inducing = inducing_points(plan, sizes);
  for (const Rung& rung : kLadder) {
    const Reach now = reach(plan, sizes);
    const bool enough = now.steps >= kSteps && now.epochs >= kEpochs;
    if (enough && fits(plan, sizes)) break;
    if (applies(rung, plan, now)) planned_option(plan, rung.key) = rung.value;
  }
  choose_validations(plan, sizes);
  if (is_unset(plan, "warmup_steps")) {
    const auto tenth = static_cast<int64_t>(reach(plan, sizes).steps / 10);
    plan.training.warmup_steps = std::clamp<int64_t>(tenth, 10, task.training.warmup_steps);
  }
  plan.unset.clear();
  return plan;
}

namespace {

// "2,300": three digits, thousands apart.
std::string about(double number) {
  const double unit = std::pow(10, std::floor(std::log10(std::max(1.0, number))) - 1);
  const auto round = static_cast<int64_t>(std::llround(number / unit) * std::llround(unit));
  if (number < 10) return fmt::format("{}", std::llround(number));
  if (round < 1000) return fmt::format("{}", round);
  const std::string rest = fmt::format("{:03}", round % 1000);
  const int64_t thousands = round / 1000;
  if (thousands < 1000) return fmt::format("{},{}", thousands, rest);
  return fmt::format("{},{:03},{}", thousands / 1000, thousands % 1000, rest);
}

std::string options_text(const Task& task) {
  const NetworkOptions& n = task.network;
  const TrainingOptions& t = task.training;
  std::string text =
      fmt::format("batch {}, {} draw{}, width {}, {} + {} blocks", t.batch, t.sigma_draws,
                  t.sigma_draws == 1 ? "" : "s", n.width, n.context_blocks, n.blocks);
  text += n.inducing > 0 ? fmt::format(", {} inducing points", n.inducing) : ", full attention";
  return text + fmt::format(", {} validations of {} windows", t.validations, t.validation_windows);
}

std::string describe(const Task& task, const PlanSizes& sizes, double window_seconds) {
  const TrainingOptions& t = task.training;
  const double bytes = process_bytes(task, sizes);
  double steps = static_cast<double>(t.steps_max);
  std::string within;
  if (t.minutes > 0) {
    const double seconds = 60 * t.minutes * (1 - kValidationShare);
    steps = std::min(steps, seconds / (window_seconds * static_cast<double>(t.batch)));
    within = fmt::format(" in {:g} minutes", t.minutes);
  }
  const double epochs = steps * static_cast<double>(t.batch) /
                        static_cast<double>(std::max<int64_t>(1, sizes.training_windows));
  return fmt::format("{}: {}{} steps, {:.2g} epochs{}, {:.2g} GB of memory", options_text(task),
                     t.minutes > 0 ? "about " : "", about(steps), epochs, within, bytes / 1e9);
}

// What the memory would hold, in place of a task that it does not.
std::string what_fits(Task task, const PlanSizes& sizes) {
  for (const PlannedOption& option : planned_options()) task.unset.emplace_back(option.key);
  Task smaller = planned_task(task, sizes);
  if (!fits(smaller, sizes)) {
    return "nothing smaller fits either: fewer context variables, or more memory";
  }
  std::vector<std::string> words;
  for (const char* key : {"sigma_draws", "width", "blocks", "context_blocks", "inducing"}) {
    const int64_t value = planned_option(smaller, key);
    if (value != planned_option(task, key)) words.push_back(fmt::format("\"{}\": {}", key, value));
  }
  return fmt::format("this would fit: {} ({:.2g} GB)", fmt::join(words, ", "),
                     process_bytes(smaller, sizes) / 1e9);
}

Status check_memory(const Task& task, const PlanSizes& sizes) {
  if (fits(task, sizes)) return {};
  const TrainingCost cost = training_cost(task, sizes.shape, sizes.gpu);
  return Status(Code::kUnsupported,
                fmt::format("task {}: training would take {:.2g} GB of memory (the series {:.2g}, "
                            "weights {:.2g}, a pass {:.2g}), more than the {:.2g} GB it may; {}",
                            task.name, process_bytes(task, sizes) / 1e9, sizes.series_bytes / 1e9,
                            cost.fixed_bytes / 1e9, cost.part_bytes / 1e9, sizes.memory_bytes / 1e9,
                            what_fits(task, sizes)));
}

PlanSizes sizes_of(const storage::SeriesStore& store, const Task& task,
                   const TrainRequest& request) {
  const storage::Schema& schema = store.schema();
  const Split split = split_of(task, store.size());
  const auto cores = static_cast<int64_t>(std::max(1u, std::thread::hardware_concurrency()));
  PlanSizes sizes;
  sizes.shape = planning_shape(task, schema);
  sizes.gpu = request.compute.device.is_cuda();
  sizes.training_windows =
      static_cast<int64_t>(part_origins(schema.axis, task, split, Part::kTrain).size());
  sizes.series_bytes =
      static_cast<double>(Dataset::bytes_needed(task, store.size(), schema.places.count()));
  sizes.memory_bytes = request.process_bytes_max > 0
                           ? static_cast<double>(request.process_bytes_max)
                           : kMemoryShare * static_cast<double>(available_memory_bytes());
  sizes.flops_a_second =
      nominal_flops_a_second(request.threads > 0 ? request.threads : cores, sizes.gpu);
  return sizes;
}

}  // namespace

Result<TrainingPlan> plan_training(const storage::SeriesStore& store, const Task& task,
                                   const TrainRequest& request) {
  PlanSizes sizes = sizes_of(store, task, request);
  Task plan = planned_task(task, sizes);
  SKIPCAST_TRY_OK(check_memory(plan, sizes));
  if (plan.training.minutes <= 0) return TrainingPlan{plan, describe(plan, sizes, 0)};
  double seconds = measured_window_seconds(plan, sizes.shape, request.compute);
  const double ordinary =
      training_cost(plan, sizes.shape, sizes.gpu).window_flops / sizes.flops_a_second;
  const double slower = std::floor(std::log(seconds / ordinary) / std::log(kSlow));
  if (slower >= 1 && !task.unset.empty()) {
    sizes.flops_a_second /= std::pow(kSlow, slower);
    plan = planned_task(task, sizes);
    seconds = measured_window_seconds(plan, sizes.shape, request.compute);
  }
  return TrainingPlan{plan, describe(plan, sizes, seconds)};
}

}  // namespace skipcast::engine
