// skipcast distill, adapt and train-metric: what is trained beside a task's network.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <memory>

#include "tools/commands/training_flags.h"
#include "tools/terminal/output.h"

namespace skipcast::tools {
namespace {

constexpr const char* kMetricVerb = "train-metric";

// What train-metric was called before; hidden, for one version.
void add_train_encoder(CLI::App& program, Invocation& invocation) {
  auto flags = std::make_shared<TrainingFlags>();
  CLI::App* command = add_training_verb(program, "train-encoder", "", *flags, invocation);
  command->group("");
  flags->request.method = "learned-metric";
  add_memory_option(*command, flags->request.memory_bytes);
  command->callback([flags, &invocation] {
    invocation.run = [flags, &invocation] {
      say(fmt::format("note: train-encoder is now  skipcast {}\n", kMetricVerb));
      return run_training(*flags, kMetricVerb, invocation);
    };
  });
}

}  // namespace

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

void add_train_metric(CLI::App& program, Invocation& invocation) {
  auto flags = std::make_shared<TrainingFlags>();
  CLI::App* command =
      add_training_verb(program, kMetricVerb,
                        "Train the metric by which --key metric finds analogs", *flags, invocation);
  add_memory_option(*command, flags->request.memory_bytes);
  command->callback([flags, &invocation] {
    invocation.run = [flags, &invocation] { return run_training(*flags, kMetricVerb, invocation); };
  });
  add_train_encoder(program, invocation);
}

}  // namespace skipcast::tools
