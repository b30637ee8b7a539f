// skipcast verify: says of each part of an archive whether it is what was written.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/archive_check.h"
#include "tools/cli.h"
#include "tools/progress_bar.h"

namespace skipcast::tools {
namespace {

using engine::Verdict;

void print(const Verdict& verdict) {
  if (verdict.status.ok()) {
    fmt::print("intact    {}{}\n", verdict.part,
               verdict.facts.empty() ? "" : ": " + verdict.facts);
    return;
  }
  fmt::print("DAMAGED   {}: {}{}\n", verdict.part, verdict.status.message(),
             verdict.remedy.empty() ? "" : "; " + verdict.remedy);
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

Status run_verify(const std::string& archive, Invocation& invocation) {
  ProgressBar bar(console_progress());
  SKIPCAST_TRY(const std::vector<Verdict> verdicts, engine::check_archive(archive, bar.callback()));
  bar.finish();
  if (invocation.json) {
    fmt::print("{}\n", to_json(verdicts).dump(2, ' ', false,
                                              nlohmann::json::error_handler_t::replace));
    invocation.answered = true;
  } else {
    std::for_each(verdicts.begin(), verdicts.end(), print);
  }
  const auto damaged = std::count_if(verdicts.begin(), verdicts.end(),
                                     [](const Verdict& each) { return !each.status.ok(); });
  if (damaged == 0) return {};
  return data_loss(fmt::format("{} of {} parts of {} are damaged, as listed", damaged,
                               verdicts.size(), archive));
}

}  // namespace

void add_verify(CLI::App& program, Invocation& invocation) {
  auto archive = std::make_shared<std::string>();
  CLI::App* command =
      program.add_subcommand("verify", "Check series, indexes and models byte by byte");
  command->add_option("ARCHIVE", *archive, "the archive's folder")->required();
  add_json_flag(*command, invocation);
  command->callback([archive, &invocation] {
    invocation.run = [archive, &invocation] { return run_verify(*archive, invocation); };
  });
}

}  // namespace skipcast::tools
