#include "tools/commands/training_flags.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "engine/keys/key_table.h"
#include "tools/terminal/progress_bar.h"

namespace skipcast::tools {
namespace {

constexpr double kMinutesMax = 60 * 24 * 30;

// Of a verb: "one-step, other"; with what each does when `help`.
std::string method_names(std::string_view verb, bool help) {
  std::string names;
  for (const engine::MethodInfo& method : engine::methods()) {
    if (method.verb != verb) continue;
    names += names.empty() ? "" : help ? "; " : ", ";
    names += method.name;
    if (help) names += fmt::format(": {}", method.help);
  }
  return names;
}

const char* default_method(std::string_view verb) {
  for (const engine::MethodInfo& method : engine::methods()) {
    if (method.verb == verb) return method.name;
  }
  return "";
}

Status check(const engine::TrainRequest& request, std::string_view verb) {
  SKIPCAST_TRY(const engine::MethodInfo method, engine::find_method(request.method));
  if (!verb.empty() && method.verb != verb) {
    return usage(fmt::format("--method {} is of skipcast {}; skipcast {} has: {}", method.name,
                             method.verb, verb, method_names(verb, false)));
  }
  if (!(request.minutes >= 0) || request.minutes > kMinutesMax) {
    return usage(fmt::format("--minutes {}: a positive number is expected", request.minutes));
  }
  if (request.steps_max < 0) {
    return usage(fmt::format("--steps {}: a positive number is expected", request.steps_max));
  }
  return use_threads(request.threads);
}

void print(const engine::TrainReport& report, const engine::TrainRequest& request, bool json) {
  if (json) {
    nlohmann::json value = {{"task", request.task},
                            {"method", request.method},
                            {"steps", report.steps},
                            {"best_step", report.best_step},
                            {"parameters", report.parameters},
                            {"seconds", report.seconds},
                            {"loss", report.loss}};
    value.update(nlohmann::json::parse(report.figures));
    print_json(value);
    return;
  }
  fmt::print("trained   {} of {}: {} steps in {}, {} parameters, loss {:.4f}\n",
             engine::find_method(request.method)->subject, request.task, report.steps,
             clock_text(report.seconds), report.parameters, report.loss);
  for (const std::string& line : report.lines) fmt::print("{}\n", line);
}

}  // namespace

CLI::App* add_training_verb(CLI::App& program, const char* verb, const char* help,
                            TrainingFlags& flags, Invocation& invocation) {
  engine::TrainRequest& request = flags.request;
  request.method = default_method(verb);
  CLI::App* command = program.add_subcommand(verb, help);
  command->add_option("ARCHIVE", flags.archive, "the archive's folder")->required();
  command
      ->add_option("--task", request.task,
                   "name of the task, as `inspect` lists them, or a JSON file")
      ->required();
  command->add_option("--method", request.method, method_names(verb, true))->capture_default_str();
  command->add_option("--minutes", request.minutes,
                      "stop after so many minutes; default: the method's, or the task's");
  command->add_option("--steps", request.steps_max,
                      "stop after so many steps; default: the method's, or the task's");
  command->add_flag("--resume", request.resume, "go on from the last checkpoint");
  add_threads_option(*command, request.threads);
  add_json_flag(*command, invocation);
  return command;
}

void add_copy_key(CLI::App& command, TrainingFlags& flags) {
  command.add_option("--key", flags.key, "how similar situations are found")->capture_default_str();
}

Status run_training(const TrainingFlags& flags, const char* verb, const Invocation& invocation) {
  SKIPCAST_TRY_OK(check(flags.request, verb));
  engine::TrainRequest request = flags.request;
  request.retrieval = !flags.no_retrieval;
  SKIPCAST_TRY(request.key, engine::key_from(flags.key));
  SKIPCAST_TRY(request.compute, compute_of(flags.compute));
  SKIPCAST_TRY(const auto store, open_archive(flags.archive, storage::OpenMode::kReadOnly));
  ProgressBar bar(console_progress());
  request.progress = bar.callback();
  request.notice = [&](const std::string& text) {
    fmt::print(invocation.json ? stderr : stdout, "plan      {}\n", text);
    std::fflush(stdout);
  };
  const auto report = engine::train(*store, request);
  bar.finish();
  if (!report.ok()) return suggest_task(*store, request.task, report.status());
  print(*report, request, invocation.json);
  return {};
}

}  // namespace skipcast::tools
