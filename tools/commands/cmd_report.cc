// skipcast report: one page on an archive and what its forecasts are worth.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <ctime>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/report/report_data.h"
#include "tools/commands/cli.h"
#include "tools/report/report_page.h"
#include "tools/terminal/progress_bar.h"

namespace skipcast::tools {
namespace {

struct ReportArguments {
  std::string archive, out, at;
  engine::ReportRequest request;
  int64_t threads = 0;
};

// What can be refused before the archive is opened and a minute is spent.
Status check(const ReportArguments& arguments) {
  const std::filesystem::path out = arguments.out;
  const std::filesystem::path parent = out.parent_path();
  if (out.extension() != ".html") {
    return usage(fmt::format("--out {}: the report is a web page; give a name that ends in .html",
                             arguments.out));
  }
  if (!parent.empty() && !std::filesystem::is_directory(parent)) {
    return usage(fmt::format("--out {}: there is no folder {}; make it first", arguments.out,
                             parent.string()));
  }
  if (arguments.request.windows < 0) {
    return usage("--windows: 0 (all) or a positive number is expected");
  }
  if (arguments.request.members < 2) return usage("--members: 2 or more are needed for a report");
  return {};
}

// A page on the data alone cannot show what was asked for.
Status check_trained(const engine::ReportRequest& request) {
  if (!request.task.empty() || (request.policies.empty() && !request.at_s)) return {};
  return usage(fmt::format("{} needs a trained task: train one first",
                           request.at_s ? "--at" : "--policies"));
}

bool trained(const storage::SeriesStore& store, const std::string& task) {
  return engine::Model::load(store, task).status().code() != Code::kNotFound;
}

// The task that was named, or the only trained one; "" when nothing is trained.
Result<std::string> task_of(const storage::SeriesStore& store, const std::string& named) {
  if (!named.empty()) {
    const auto task = engine::find_task(store, named);
    if (!task.ok()) return suggest_task(store, named, task.status());
    return trained(store, named) ? named : std::string();
  }
  std::string only, list;
  for (const std::string& name : engine::task_names(store)) {
    if (!trained(store, name)) continue;
    list += (list.empty() ? "" : ", ") + name;
    only = name;
  }
  if (list == only) return only;
  return usage(fmt::format("several tasks are trained; name one with --task: {}", list));
}

nlohmann::json report_json(const ReportArguments& arguments, const engine::ReportData& data,
                           const std::vector<Section>& sections, size_t bytes) {
  nlohmann::json value = {{"out", arguments.out},          {"bytes", bytes},
                          {"seconds", data.seconds},       {"task", nullptr},
                          {"part", data.scores.part},      {"windows", data.scores.windows},
                          {"members", data.scores.members}};
  if (data.forecaster != nullptr) value["task"] = data.forecaster->model().task().name;
  for (const Section& section : sections) {
    value["sections"].push_back(
        {{"id", section.id}, {"shown", !section.body.empty()}, {"missing", section.missing}});
  }
  value["systems"] = nlohmann::json::array();
  for (const engine::ScoredSystem& system : data.scores.systems) {
    const engine::CandidateScores& scores = system.scores;
    value["systems"].push_back({{"name", scores.name},
                                {"nfe", scores.nfe},
                                {"nfe_shared", scores.nfe_shared},
                                {"seconds_per_query", scores.seconds_per_query},
                                {"crps_fair", scores.physical.crps_fair},
                                {"crps_low", system.crps.low},
                                {"crps_high", system.crps.high},
                                {"spread_skill", scores.normalised.spread_skill}});
  }
  return value;
}

void print_words(const ReportArguments& arguments, const engine::ReportData& data,
                 const std::vector<Section>& sections, size_t bytes) {
  fmt::print("wrote     {} ({}), {:.0f} s; open it in any browser, no network is needed\n",
             arguments.out, bytes_text(static_cast<int64_t>(bytes)), data.seconds);
  std::string last;
  for (const Section& section : sections) {
    if (!section.missing.empty() && section.missing != last) {
      fmt::print("missing   {}: {}\n", section.title, section.missing);
    }
    last = section.missing;
  }
  if (data.forecaster == nullptr) {
    fmt::print(
        "missing   forecasts and scores: nothing is trained; `skipcast train {} --task "
        "NAME` does it\n",
        arguments.archive);
  }
}

Status run_report(const ReportArguments& arguments, const Invocation& invocation) {
  SKIPCAST_TRY_OK(check(arguments));
  SKIPCAST_TRY_OK(use_threads(arguments.threads));
  engine::ReportRequest request = arguments.request;
  SKIPCAST_TRY_OK(storage::check_memory(request.memory_bytes));
  if (!arguments.at.empty()) {
    const auto time_s = storage::parse_time(arguments.at);
    if (!time_s.ok()) return usage("--at: " + time_s.status().message());
    request.at_s = *time_s;
  }
  SKIPCAST_TRY(const auto store, open_archive(arguments.archive, storage::OpenMode::kReadOnly));
  SKIPCAST_TRY(request.task, task_of(*store, request.task));
  SKIPCAST_TRY_OK(check_trained(request));
  ProgressBar bar(console_progress());
  request.progress = bar.callback();
  const Result<engine::ReportData> data = engine::collect_report(*store, request);
  bar.finish();
  if (!data.ok()) return data.status();
  const ReportInput input = {*store, *data, invocation.command_line, std::time(nullptr)};
  SKIPCAST_TRY(const std::vector<Section> sections, report_sections(input));
  const std::string page = report_page(input, sections);
  SKIPCAST_TRY_OK(save_text(arguments.out, page));
  if (invocation.json) {
    print_json(report_json(arguments, *data, sections, page.size()));
  } else {
    print_words(arguments, *data, sections, page.size());
  }
  return {};
}

}  // namespace

void add_report(CLI::App& program, Invocation& invocation) {
  auto arguments = std::make_shared<ReportArguments>();
  engine::ReportRequest& request = arguments->request;
  CLI::App* command =
      program.add_subcommand("report", "One web page: data, analogs, forecasts, scores");
  command->add_option("ARCHIVE", arguments->archive, "the archive's folder")->required();
  command->add_option("--out", arguments->out, "HTML file to write")->required();
  command->add_option("--task", request.task, "name of the task; default: the one that is trained");
  command
      ->add_option("--policy,--policies", request.policies,
                   "policies to score, the first is shown: a,b; default: all of the task")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      ->add_option("--windows", request.windows,
                   "score so many test windows, evenly spaced; 0 = as the task says")
      ->capture_default_str();
  command->add_option("--at", arguments->at,
                      "init time (UTC) of the forecast shown; default: the median test window");
  command->add_option("--members", request.members, "members of every ensemble")
      ->capture_default_str();
  command->add_option("--seed", request.seed, "of all randomness")->capture_default_str();
  add_threads_option(*command, arguments->threads);
  add_memory_option(*command, request.memory_bytes);
  add_json_flag(*command, invocation);
  command->callback([arguments, &invocation] {
    invocation.run = [arguments, &invocation] { return run_report(*arguments, invocation); };
  });
}

}  // namespace skipcast::tools
