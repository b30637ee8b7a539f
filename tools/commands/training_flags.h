// What the subcommands that train something share (train, distill, adapt, train-metric): their
// options, the run with its progress bar, and the report.
#pragma once

#include <string>

#include "engine/methods/method_table.h"
#include "storage/status.h"
#include "tools/commands/cli.h"
#include "tools/commands/compute_flags.h"

namespace skipcast::tools {

struct TrainingFlags {
  std::string archive;
  engine::TrainRequest request;
  std::string key = "forecast";
  bool no_retrieval = false;
  ComputeFlags compute;
};

// Adds the subcommand `verb` with what every training takes: ARCHIVE, --task, --method (those of
// the verb; the first is the default), --minutes, --steps, --resume, --threads, --json. The flags
// must outlive the program.
CLI::App* add_training_verb(CLI::App& program, const char* verb, const char* help,
                            TrainingFlags& flags, Invocation& invocation);
// --key: by which a copy's similar situations are found.
void add_copy_key(CLI::App& command, TrainingFlags& flags);

// kUsage when a number or word does not fit, or the method is of another verb (any verb: "").
Status run_training(const TrainingFlags& flags, const char* verb, const Invocation& invocation);

}  // namespace skipcast::tools
