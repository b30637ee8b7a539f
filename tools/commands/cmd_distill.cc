// skipcast distill: trains a copy of a task's network that needs fewer evaluations.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "tools/commands/training_flags.h"

namespace skipcast::tools {

void add_distill(CLI::App& program, Invocation& invocation) {
  auto flags = std::make_shared<TrainingFlags>();
  CLI::App* command = add_training_verb(
      program, "distill", "Train a copy of a task's network that needs fewer evaluations", *flags,
      invocation);
  command
      ->add_option("--evaluations", flags->request.evaluations,
                   "1, or 2 for members in two evaluations as well")
      ->capture_default_str();
  add_copy_key(*command, *flags);
  command->add_flag("--no-retrieval", flags->no_retrieval, "the copy sees nothing but the context");
  add_compute_flags(*command, flags->compute);
  command->callback([flags, &invocation] {
    invocation.run = [flags, &invocation] { return run_training(*flags, "distill", invocation); };
  });
}

}  // namespace skipcast::tools
