// skipcast train-metric: trains the metric by which past windows are compared.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <memory>

#include "tools/commands/training_flags.h"

namespace skipcast::tools {
namespace {

constexpr const char* kVerb = "train-metric";

void add_verb(CLI::App& program, Invocation& invocation) {
  auto flags = std::make_shared<TrainingFlags>();
  CLI::App* command = add_training_verb(
      program, kVerb, "Train the metric by which --key metric finds analogs", *flags, invocation);
  add_memory_option(*command, flags->request.memory_bytes);
  command->callback([flags, &invocation] {
    invocation.run = [flags, &invocation] { return run_training(*flags, kVerb, invocation); };
  });
}

// What it was called before; hidden, for one version.
void add_earlier_word(CLI::App& program, Invocation& invocation) {
  auto flags = std::make_shared<TrainingFlags>();
  CLI::App* command = add_training_verb(program, "train-encoder", "", *flags, invocation);
  command->group("");
  flags->request.method = "learned-metric";
  add_memory_option(*command, flags->request.memory_bytes);
  command->callback([flags, &invocation] {
    invocation.run = [flags, &invocation] {
      fmt::print(stderr, "note: train-encoder is now  skipcast {}\n", kVerb);
      return run_training(*flags, kVerb, invocation);
    };
  });
}

}  // namespace

void add_train_metric(CLI::App& program, Invocation& invocation) {
  add_verb(program, invocation);
  add_earlier_word(program, invocation);
}

}  // namespace skipcast::tools
