#include "engine/data/planned_options.h"

#include <algorithm>
#include <array>

namespace skipcast::engine {
namespace {

constexpr std::array kPlannedOptions = {
    PlannedOption{"network", "width", [](Task& task) -> int64_t& { return task.network.width; }},
    PlannedOption{"network", "context_blocks",
                  [](Task& task) -> int64_t& { return task.network.context_blocks; }},
    PlannedOption{"network", "blocks", [](Task& task) -> int64_t& { return task.network.blocks; }},
    PlannedOption{"network", "inducing",
                  [](Task& task) -> int64_t& { return task.network.inducing; }},
    PlannedOption{"training", "batch", [](Task& task) -> int64_t& { return task.training.batch; }},
    PlannedOption{"training", "sigma_draws",
                  [](Task& task) -> int64_t& { return task.training.sigma_draws; }},
    PlannedOption{"training", "warmup_steps",
                  [](Task& task) -> int64_t& { return task.training.warmup_steps; }},
    PlannedOption{"training", "validations",
                  [](Task& task) -> int64_t& { return task.training.validations; }},
    PlannedOption{"training", "validation_windows",
                  [](Task& task) -> int64_t& { return task.training.validation_windows; }},
};

}  // namespace

std::span<const PlannedOption> planned_options() { return kPlannedOptions; }

int64_t& planned_option(Task& task, std::string_view key) {
  const auto* found = std::find_if(kPlannedOptions.begin(), kPlannedOptions.end(),
                                   [&](const PlannedOption& option) { return key == option.key; });
  SKIPCAST_CHECK(found != kPlannedOptions.end());
  return found->of(task);
}

bool is_unset(const Task& task, std::string_view key) {
  return std::find(task.unset.begin(), task.unset.end(), key) != task.unset.end();
}

void take_planned(const Task& planned, Task& task) {
  Task from = planned;
  for (const std::string& key : task.unset) {
    planned_option(task, key) = planned_option(from, key);
  }
  task.unset.clear();
}

}  // namespace skipcast::engine
