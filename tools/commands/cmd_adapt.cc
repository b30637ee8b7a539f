// skipcast adapt: trains a copy of a task's network for other conditions than its context alone.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "tools/commands/training_flags.h"

namespace skipcast::tools {

void add_adapt(CLI::App& program, Invocation& invocation) {
  auto flags = std::make_shared<TrainingFlags>();
  CLI::App* command = add_training_verb(
      program, "adapt",
      "Train a copy of a task's network that is conditioned on more than a context", *flags,
      invocation);
  add_copy_key(*command, *flags);
  add_compute_flags(*command, flags->compute);
  command->callback([flags, &invocation] {
    invocation.run = [flags, &invocation] { return run_training(*flags, "adapt", invocation); };
  });
}

}  // namespace skipcast::tools
