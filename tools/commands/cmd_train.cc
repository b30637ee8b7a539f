// skipcast train: trains the network of a task on the archive's training part.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <cstdio>
#include <memory>

#include "tools/commands/training_flags.h"
#include "tools/terminal/output.h"

namespace skipcast::tools {
namespace {

struct TrainArguments {
  TrainingFlags flags;
  bool moments = false;                        // only the moment heads
  bool cross_fit = false;                      // only the folds
  bool one_step = false, conditioned = false;  // earlier words of distill and adapt
};

// The method that the flags name, if they name one.
Status choose_method(TrainArguments& arguments) {
  const int named = int{arguments.moments} + int{arguments.cross_fit} + int{arguments.one_step} +
                    int{arguments.conditioned};
  if (named > 1) {
    return usage(
        "--moments, --cross-fit, --finisher and --informed are trained one after the other");
  }
  std::string& method = arguments.flags.request.method;
  if (arguments.moments) method = "moment-heads";
  if (arguments.cross_fit) method = "cross-fit";
  if (arguments.one_step) method = "one-step";
  if (arguments.conditioned) method = "conditioned";
  if (method != "network" && arguments.flags.request.described_places) {
    return usage("--described-places is of the network itself: leave it out");
  }
  if (method != "network" && arguments.flags.request.networks > 0) {
    return usage("--networks is of the network itself: leave it out");
  }
  return {};
}

Status run_train(TrainArguments arguments, const Invocation& invocation) {
  SKIPCAST_TRY_OK(choose_method(arguments));
  const bool copies = arguments.one_step || arguments.conditioned;
  if (copies) {
    say(fmt::format("note: train --{} is now  skipcast {}\n",
                    arguments.one_step ? "finisher" : "informed",
                    arguments.one_step ? "distill" : "adapt"));
  }
  return run_training(arguments.flags, copies ? "" : "train", invocation);
}

// What distill and adapt were called before; accepted for one version.
void add_earlier_words(CLI::App& command, TrainArguments& arguments) {
  command.add_flag("--finisher", arguments.one_step)->group("");
  command.add_flag("--informed", arguments.conditioned)->group("");
  command.add_option("--evaluations", arguments.flags.request.evaluations)->group("");
  command.add_option("--key", arguments.flags.key)->group("");
  command.add_flag("--no-retrieval", arguments.flags.no_retrieval)->group("");
}

}  // namespace

void add_train(CLI::App& program, Invocation& invocation) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = add_training_verb(program, "train", "Train the network of a task",
                                        arguments->flags, invocation);
  command->add_flag("--moments", arguments->moments, "short for --method moment-heads");
  command->add_flag("--cross-fit", arguments->cross_fit, "short for --method cross-fit");
  command->add_flag("--described-places", arguments->flags.request.described_places,
                    "the network is given facts about its places in place of learning an embedding "
                    "for each: skipcast transfer can take it to other places");
  command
      ->add_option(
          "--networks", arguments->flags.request.networks,
          "how many networks share the time; members are assigned among them; default: the "
          "task's, or one")
      ->check(CLI::Range(1, 64));
  command
      ->add_option("--memory", arguments->flags.request.process_bytes_max,
                   "bound on the memory of training: 512MB, 2GiB; default: nine tenths of what is "
                   "available. What does not fit is refused before it begins")
      ->transform(CLI::AsSizeValue(false));
  add_earlier_words(*command, *arguments);
  add_compute_flags(*command, arguments->flags.compute);
  command->callback([arguments, &invocation] {
    invocation.run = [arguments, &invocation] { return run_train(*arguments, invocation); };
  });
}

}  // namespace skipcast::tools
