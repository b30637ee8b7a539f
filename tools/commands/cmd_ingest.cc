// skipcast ingest: foreign files become an archive, block after block.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "storage/ingest/ingest.h"
#include "storage/readers/state_reader.h"
#include "tools/commands/cli.h"
#include "tools/terminal/progress_bar.h"

namespace skipcast::tools {
namespace {

struct IngestArguments {
  std::string archive, recipe;
  std::vector<std::string> files, variables;
  storage::IngestOptions options;
};

nlohmann::json report_json(const storage::IngestReport& report, const std::string& archive) {
  nlohmann::json value = {{"archive", archive},
                          {"created", report.created},
                          {"dry_run", report.dry_run},
                          {"states_read", report.states_read},
                          {"states_added", report.states_added},
                          {"states_skipped", report.states_skipped},
                          {"gap_states", report.gap_states},
                          {"states_total", report.states_total},
                          {"blocks", report.blocks},
                          {"bytes", report.bytes},
                          {"seconds", report.seconds},
                          {"warnings", report.warnings}};
  if (report.states_read > 0) {
    value["first"] = storage::format_time(report.first_time_s);
    value["last"] = storage::format_time(report.last_time_s);
  }
  for (const storage::IngestedVariable& variable : report.variables) {
    value["variables"].push_back({{"name", variable.name},
                                  {"values", variable.values},
                                  {"missing_share", variable.missing_share}});
  }
  return value;
}

void print(const storage::IngestReport& report, const std::string& archive) {
  if (report.states_read > 0) {
    fmt::print("read      {} states from {} to {}, {} of them filled gaps\n", report.states_read,
               storage::format_time(report.first_time_s), storage::format_time(report.last_time_s),
               report.gap_states);
  }
  for (const storage::IngestedVariable& variable : report.variables) {
    fmt::print("variable  {}: {} values, {:.2f} % missing\n", variable.name, variable.values,
               100 * variable.missing_share);
  }
  if (report.states_skipped > 0) {
    fmt::print("skipped   {} states that were there already, identical\n", report.states_skipped);
  }
  for (const std::string& warning : report.warnings) fmt::print("warning   {}\n", warning);
  if (report.dry_run) {
    fmt::print("dry run   {} states would be added; nothing was written\n", report.states_added);
    return;
  }
  fmt::print("archive   {}: {} states added in {} blocks ({}, {:.1f} s), {} in all\n", archive,
             report.states_added, report.blocks, bytes_text(report.bytes), report.seconds,
             report.states_total);
}

Status run_ingest(const IngestArguments& arguments, const Invocation& invocation) {
  ProgressBar bar(console_progress());
  storage::IngestOptions options = arguments.options;
  options.progress = bar.callback();
  SKIPCAST_TRY(const auto reader,
               storage::open_states(arguments.files, arguments.recipe, arguments.variables));
  const auto report = storage::ingest(*reader, arguments.archive, options);
  bar.finish();
  if (!report.ok()) return report.status();
  if (invocation.json) {
    const nlohmann::json value = report_json(*report, arguments.archive);
    print_json(value);
  } else {
    print(*report, arguments.archive);
  }
  return {};
}

}  // namespace

void add_ingest(CLI::App& program, Invocation& invocation) {
  auto arguments = std::make_shared<IngestArguments>();
  CLI::App* command = program.add_subcommand("ingest", "Read files into an archive");
  command->add_option("ARCHIVE", arguments->archive, "the archive's folder, made when new")
      ->required();
  command->add_option("FILES", arguments->files, "CSV (also .gz), NPZ, NPY or NetCDF files")
      ->required();
  command->add_option("--recipe", arguments->recipe,
                      "JSON file that says how to read them; not needed for CF NetCDF and for wide "
                      "CSV with a time column");
  command
      ->add_option("--var,--variables", arguments->variables,
                   "variables to take: a,b; default: all that fit")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_flag("--append", arguments->options.append, "add later states to the archive");
  command->add_flag("--resume", arguments->options.resume, "go on after an interrupted ingest");
  command->add_flag("--dry-run", arguments->options.dry_run, "read and check, write nothing");
  command->add_option("--block-states", arguments->options.block_states,
                      "states written at once; 0 = about 8 MiB");
  add_memory_option(*command, arguments->options.memory_bytes);
  add_json_flag(*command, invocation);
  command->callback([arguments, &invocation] {
    invocation.run = [arguments, &invocation] { return run_ingest(*arguments, invocation); };
  });
}

}  // namespace skipcast::tools
