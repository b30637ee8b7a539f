#include "engine/settings/copy_kinds.h"

#include <fmt/format.h>

#include <array>

#include "samplers/solvers/solvers.h"

namespace skipcast::engine {
namespace {

bool runs_one_step(const Setting& setting) {
  const auto solver = samplers::find_solver(setting.solver);
  return solver && solver->needs_one_step;
}

bool is_conditioned(const Setting& setting) {
  return setting.retrieval_weight.value_or(0) > 0 && !runs_one_step(setting);
}

constexpr std::array kCopyKinds = {
    CopyKind{kConditionedCopy, "informed", "adapt {} --task {}", is_conditioned, false},
    CopyKind{kOneStepCopy, "finisher", "distill {} --task {}", runs_one_step, true},
};

}  // namespace

std::span<const CopyKind> copy_kinds() { return kCopyKinds; }

const CopyKind* find_copy_kind(std::string_view name) {
  for (const CopyKind& kind : kCopyKinds) {
    if (!name.empty() && (name == kind.name || name == kind.old_name)) return &kind;
  }
  return nullptr;
}

const CopyKind& copy_kind(std::string_view name) {
  const CopyKind* kind = find_copy_kind(name);
  SKIPCAST_CHECK(kind != nullptr);
  return *kind;
}

const CopyKind* copy_for(const Setting& setting) {
  for (const CopyKind& kind : kCopyKinds) {
    if (kind.wanted(setting)) return &kind;
  }
  return nullptr;
}

std::string training_command(const CopyKind& kind, std::string_view archive,
                             std::string_view task) {
  return "skipcast " + fmt::format(fmt::runtime(kind.training), archive, task);
}

}  // namespace skipcast::engine
