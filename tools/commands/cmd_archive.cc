// What is done to an archive as a whole: skipcast erase, compact, backup, restore.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "storage/upkeep/archive_copy.h"
#include "tools/commands/cli.h"
#include "tools/terminal/progress_bar.h"
#include "tools/terminal/suggest.h"

namespace skipcast::tools {
namespace {

using nlohmann::json;
using storage::CopyReport;
using storage::SeriesStore;

struct EraseArguments {
  std::string archive, from, to;
  std::vector<std::string> places;
  bool dry_run = false;
};

// Number of the place with this name; a grid's cells go by their number.
Result<int32_t> place_of(const storage::Places& places, const std::string& name) {
  const auto at = std::find(places.names.begin(), places.names.end(), name);
  if (at != places.names.end()) return static_cast<int32_t>(at - places.names.begin());
  char* end = nullptr;
  const long cell = std::strtol(name.c_str(), &end, 10);
  const bool is_cell =
      places.names.empty() && !name.empty() && *end == '\0' && cell >= 0 && cell < places.count();
  if (is_cell) return static_cast<int32_t>(cell);
  if (places.names.empty()) {
    return not_found(
        fmt::format("there is no cell '{}': cells are numbered 0..{}", name, places.count() - 1));
  }
  return not_found(fmt::format("there is no place '{}'.{} skipcast inspect lists them", name,
                               did_you_mean(name, places.names)));
}

Result<storage::Erasure> erasure_of(const SeriesStore& store, const EraseArguments& arguments) {
  const storage::TimeAxis& axis = store.schema().axis;
  storage::Erasure erasure;
  SKIPCAST_TRY(const int64_t from_s, storage::parse_time(arguments.from));
  SKIPCAST_TRY(const int64_t to_s, storage::parse_time(arguments.to));
  SKIPCAST_TRY(erasure.first, axis.index_of(from_s));
  SKIPCAST_TRY(const int64_t last, axis.index_of(to_s));
  if (last < erasure.first) return usage("--to lies before --from");
  if (erasure.first < 0 || last >= store.size()) {
    return not_found(
        fmt::format("the archive holds {} states from {} to {}; --from and --to must "
                    "lie among them",
                    store.size(), storage::format_time(axis.time_at(0)),
                    storage::format_time(axis.time_at(store.size() - 1))));
  }
  erasure.states = last - erasure.first + 1;
  for (const std::string& name : arguments.places) {
    SKIPCAST_TRY(const int32_t place, place_of(store.schema().places, name));
    erasure.places.push_back(place);
  }
  std::sort(erasure.places.begin(), erasure.places.end());
  erasure.places.erase(std::unique(erasure.places.begin(), erasure.places.end()),
                       erasure.places.end());
  return erasure;
}

Status run_erase(const EraseArguments& arguments, const Invocation& invocation) {
  using storage::OpenMode;
  SKIPCAST_TRY(const auto store,
               open_archive(arguments.archive,
                            arguments.dry_run ? OpenMode::kReadOnly : OpenMode::kReadWrite));
  SKIPCAST_TRY(const storage::Erasure erasure, erasure_of(*store, arguments));
  if (!arguments.dry_run) SKIPCAST_TRY_OK(store->erase(erasure));
  const size_t places = erasure.places.empty() ? static_cast<size_t>(store->schema().places.count())
                                               : erasure.places.size();
  if (invocation.json) {
    print_json({{"archive", arguments.archive},
                {"dry_run", arguments.dry_run},
                {"states", erasure.states},
                {"places", places}});
    return {};
  }
  if (arguments.dry_run) {
    fmt::print("dry run   {} states at {} places would be erased\n", erasure.states, places);
    return {};
  }
  fmt::print(
      "erased    {} states at {} places: they read as missing from now on\n"
      "note      their bytes stay in the archive's files until skipcast compact {}\n"
      "note      models trained on them do not change: run skipcast train if they must\n",
      erasure.states, places, arguments.archive);
  return {};
}

void print_copy(const CopyReport& report, const std::string& folder, const Invocation& invocation) {
  if (invocation.json) {
    print_json({{"archive", folder},
                {"blocks", report.blocks},
                {"states", report.states},
                {"bytes", report.bytes},
                {"bytes_before", report.bytes_before}});
    return;
  }
  fmt::print("verified  {}: {} states in {} blocks, {} (from {})\n", folder, report.states,
             report.blocks, bytes_text(report.bytes), bytes_text(report.bytes_before));
}

Status run_copy(const std::string& from, const std::string& to, const Invocation& invocation) {
  ProgressBar bar(console_progress());
  SKIPCAST_TRY(const CopyReport report, storage::copy_archive(from, to, bar.callback()));
  bar.finish();
  print_copy(report, to, invocation);
  return {};
}

Status run_compact(const std::string& archive, const Invocation& invocation) {
  ProgressBar bar(console_progress());
  SKIPCAST_TRY(const CopyReport report, storage::compact_archive(archive, bar.callback()));
  bar.finish();
  print_copy(report, archive, invocation);
  return {};
}

void add_erase(CLI::App& program, Invocation& invocation) {
  auto arguments = std::make_shared<EraseArguments>();
  CLI::App* command = program.add_subcommand("erase", "Make states read as missing, for good");
  command->add_option("ARCHIVE", arguments->archive, "the archive's folder")->required();
  command->add_option("--from", arguments->from, "first time to erase (UTC)")->required();
  command->add_option("--to", arguments->to, "last time to erase (UTC)")->required();
  command
      ->add_option("--place", arguments->places,
                   "place to erase (repeat for more; a grid's cells by number); default: all")
      ->allow_extra_args(false);
  command->add_flag("--dry-run", arguments->dry_run, "say what would be erased, change nothing");
  add_json_flag(*command, invocation);
  command->callback([arguments, &invocation] {
    invocation.run = [arguments, &invocation] { return run_erase(*arguments, invocation); };
  });
}

struct CopyArguments {
  std::string from, to;
};

void add_copy(CLI::App& program, Invocation& invocation, const char* name, const char* what) {
  auto arguments = std::make_shared<CopyArguments>();
  const bool restores = std::string_view(name) == "restore";
  CLI::App* command = program.add_subcommand(name, what);
  command->add_option(restores ? "BACKUP" : "ARCHIVE", arguments->from, "the folder to copy")
      ->required();
  command->add_option(restores ? "ARCHIVE" : "BACKUP", arguments->to, "the new folder")->required();
  add_json_flag(*command, invocation);
  command->callback([arguments, &invocation] {
    invocation.run = [arguments, &invocation] {
      return run_copy(arguments->from, arguments->to, invocation);
    };
  });
}

}  // namespace

void add_archive_commands(CLI::App& program, Invocation& invocation) {
  add_erase(program, invocation);
  auto archive = std::make_shared<std::string>();
  CLI::App* compact = program.add_subcommand(
      "compact", "Write an archive anew: smaller, and without what was erased");
  compact->add_option("ARCHIVE", *archive, "the archive's folder")->required();
  add_json_flag(*compact, invocation);
  compact->callback([archive, &invocation] {
    invocation.run = [archive, &invocation] { return run_compact(*archive, invocation); };
  });
  add_copy(program, invocation, "backup", "Copy an archive, also beside a writer, and verify it");
  add_copy(program, invocation, "restore", "Make an archive from a backup, and verify it");
}

}  // namespace skipcast::tools
