// The options of a task that are chosen by what the training costs and by the budget, where its
// recipe does not set them. Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/data/task.h"

namespace skipcast::engine {

struct PlannedOption {
  const char* section;  // of the task's JSON: "network", "training"
  const char* key;      // no two are alike
  int64_t& (*of)(Task& task);
};
std::span<const PlannedOption> planned_options();

// REQUIRES a key of the table.
int64_t& planned_option(Task& task, std::string_view key);

bool is_unset(const Task& task, std::string_view key);

// Takes what nobody has set in `task` from one that was planned.
void take_planned(const Task& planned, Task& task);

}  // namespace skipcast::engine
