// skipcast verify: says of each part of an archive whether it is what was written.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/archive/archive_check.h"
#include "engine/archive/archive_salvage.h"
#include "engine/archive/deep_check.h"
#include "tools/commands/cli.h"
#include "tools/terminal/progress_bar.h"

namespace skipcast::tools {
namespace {

using engine::Verdict;

bool is_damage(const Verdict& verdict) { return !verdict.status.ok() && !verdict.unused; }

void print(const Verdict& verdict) {
  if (verdict.status.ok()) {
    fmt::print("intact    {}{}\n", verdict.part, verdict.facts.empty() ? "" : ": " + verdict.facts);
    return;
  }
  const std::string remedy = verdict.remedy.empty() ? "" : "; " + verdict.remedy;
  fmt::print("{:<10}{}: {}{}\n", is_damage(verdict) ? "DAMAGED" : "UNUSED", verdict.part,
             verdict.status.message(), remedy);
}

nlohmann::json to_json(const std::vector<Verdict>& verdicts) {
  nlohmann::json list = nlohmann::json::array();
  for (const Verdict& verdict : verdicts) {
    list.push_back({{"part", verdict.part}, {"intact", verdict.status.ok()}});
    if (!verdict.facts.empty()) list.back()["facts"] = verdict.facts;
    if (!verdict.status.ok()) {
      list.back()["why"] = verdict.status.message();
      list.back()["remedy"] = verdict.remedy;
    }
  }
  return list;
}

Status run_verify(const std::string& archive, bool deep, Invocation& invocation) {
  ProgressBar bar(console_progress());
  SKIPCAST_TRY(std::vector<Verdict> verdicts, engine::check_archive(archive, bar.callback()));
  if (deep && verdicts.front().status.ok()) {
    SKIPCAST_TRY(const std::vector<Verdict> caches, engine::check_caches(archive, bar.callback()));
    verdicts.insert(verdicts.end(), caches.begin(), caches.end());
  }
  bar.finish();
  if (invocation.json) {
    print_json(to_json(verdicts));
    invocation.answered = true;
  } else {
    std::for_each(verdicts.begin(), verdicts.end(), print);
  }
  const auto damaged = std::count_if(verdicts.begin(), verdicts.end(), is_damage);
  if (damaged == 0) return {};
  return data_loss(fmt::format("{} of {} parts of {} are damaged, as listed", damaged,
                               verdicts.size(), archive));
}

std::string range_text(const storage::SeriesStore& store, const storage::Loss& loss) {
  const storage::TimeAxis& axis = store.schema().axis;
  return fmt::format("{}: {} states, {} .. {}", loss.variable, loss.states,
                     storage::format_time(axis.time_at(loss.first)),
                     storage::format_time(axis.time_at(loss.first + loss.states - 1)));
}

nlohmann::json to_json(const engine::ArchiveSalvage& report, const storage::SeriesStore& store) {
  nlohmann::json value = {{"states", report.series.states},
                          {"lost", nlohmann::json::array()},
                          {"notes", report.series.notes},
                          {"kept", report.kept},
                          {"left", report.left}};
  for (const storage::Loss& loss : report.series.losses) {
    const storage::TimeAxis& axis = store.schema().axis;
    value["lost"].push_back(
        {{"variable", loss.variable},
         {"states", loss.states},
         {"first", storage::format_time(axis.time_at(loss.first))},
         {"last", storage::format_time(axis.time_at(loss.first + loss.states - 1))}});
  }
  return value;
}

Status run_salvage(const std::string& archive, const std::string& to, Invocation& invocation) {
  ProgressBar bar(console_progress());
  SKIPCAST_TRY(const engine::ArchiveSalvage report,
               engine::salvage_archive(archive, to, bar.callback()));
  bar.finish();
  SKIPCAST_TRY(const auto store, open_archive(to, storage::OpenMode::kReadOnly));
  if (invocation.json) {
    print_json(to_json(report, *store));
    return {};
  }
  for (const std::string& note : report.series.notes) fmt::print("note      {}\n", note);
  for (const storage::Loss& loss : report.series.losses) {
    fmt::print("LOST      {}\n", range_text(*store, loss));
  }
  for (const std::string& file : report.left) fmt::print("LEFT OUT  {}\n", file);
  for (const std::string& file : report.kept) fmt::print("kept      {}\n", file);
  fmt::print("salvaged  {}: {} states, {}\n", to, report.series.states,
             report.series.losses.empty() ? "nothing lost"
                                          : "missing (NaN) where they are listed as lost");
  return {};
}

struct VerifyArguments {
  std::string archive, salvage;
  bool deep = false;
};

}  // namespace

void add_verify(CLI::App& program, Invocation& invocation) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* command =
      program.add_subcommand("verify", "Check series, indexes and models byte by byte");
  command->add_option("ARCHIVE", arguments->archive, "the archive's folder")->required();
  command->add_flag("--deep", arguments->deep,
                    "make every index and mean forecast anew, too, and compare");
  command->add_option("--salvage", arguments->salvage,
                      "copy what is provably intact into this new archive, list what is not");
  add_json_flag(*command, invocation);
  command->callback([arguments, &invocation] {
    invocation.run = [arguments, &invocation] {
      return arguments->salvage.empty()
                 ? run_verify(arguments->archive, arguments->deep, invocation)
                 : run_salvage(arguments->archive, arguments->salvage, invocation);
    };
  });
}

}  // namespace skipcast::tools
