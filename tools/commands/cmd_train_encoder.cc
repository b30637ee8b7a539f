// skipcast train-encoder: trains the metric by which --key learned compares past windows.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/methods/metric_trainer.h"
#include "tools/commands/cli.h"
#include "tools/terminal/progress_bar.h"

namespace skipcast::tools {
namespace {

constexpr double kMinutesMax = 60 * 24 * 30;
constexpr size_t kSharesShown = 6;

struct EncoderArguments {
  std::string archive;
  engine::MetricRequest request;
};

nlohmann::json worth_json(const engine::KeyWorth& worth) {
  return {{"crps_fair", worth.crps},
          {"crps_fair_normalised", worth.crps_normalised},
          {"rank_correlation", worth.rank_correlation}};
}

nlohmann::json report_json(const engine::MetricReport& report, const std::string& task) {
  nlohmann::json value = {{"task", task},
                          {"metric", report.metric_path},
                          {"steps", report.steps},
                          {"anchors", report.anchors},
                          {"seconds", report.seconds},
                          {"gained", report.gained},
                          {"held_out_windows", report.held_out},
                          {"windows_per_second", report.windows_per_second},
                          {"context", worth_json(report.context)},
                          {"forecast", worth_json(report.forecast)},
                          {"learned", worth_json(report.learned)}};
  for (const auto& [group, share] : report.shares) value["shares"][group] = share;
  return value;
}

void print_worth(const char* key, const engine::KeyWorth& worth) {
  fmt::print("{:9} raw analogs' CRPS {:.4f} ({:.4f} normalised), rank correlation {:.3f}\n", key,
             worth.crps, worth.crps_normalised, worth.rank_correlation);
}

void print(const engine::MetricReport& report, const std::string& task) {
  fmt::print("trained   metric of {}: {} steps on {} windows in {}; {:.0f} windows/s embedded\n",
             task, report.steps, report.anchors, clock_text(report.seconds),
             report.windows_per_second);
  print_worth("context", report.context);
  print_worth("forecast", report.forecast);
  print_worth("learned", report.learned);
  fmt::print("          on {} validation windows that its rehearsal had not seen\n",
             report.held_out);
  std::string shares;
  for (size_t i = 0; i < std::min(kSharesShown, report.shares.size()); ++i) {
    const auto& [group, share] = report.shares[i];
    shares += fmt::format("{}{} {:.0f} %", i == 0 ? "" : ", ", group, 100 * share);
  }
  fmt::print("compares  {}\n", shares);
  if (!report.gained) {
    fmt::print(
        "note      nothing was gained on held-out windows: it stays close to the forecast "
        "key\n");
  }
  fmt::print("metric    {}: use it by --key learned; tune tries it\n", report.metric_path);
}

Status run_train_encoder(const EncoderArguments& arguments, const Invocation& invocation) {
  const engine::MetricRequest& asked = arguments.request;
  if (!(asked.minutes >= 0) || asked.minutes > kMinutesMax) {
    return usage(fmt::format("--minutes {}: a positive number is expected", asked.minutes));
  }
  if (asked.steps_max < 0) {
    return usage(fmt::format("--steps {}: a positive number is expected", asked.steps_max));
  }
  SKIPCAST_TRY_OK(use_threads(asked.threads));
  SKIPCAST_TRY(const auto store, open_archive(arguments.archive, storage::OpenMode::kReadOnly));
  ProgressBar bar(console_progress());
  engine::MetricRequest request = asked;
  request.progress = bar.callback();
  const auto report = engine::train_metric(*store, request);
  bar.finish();
  if (report.status().code() == Code::kInterrupted) {
    return {Code::kInterrupted, "stopped; the learned metric, if there was one, is as it was"};
  }
  if (!report.ok()) return suggest_task(*store, asked.task, report.status());
  if (invocation.json) {
    print_json(report_json(*report, asked.task));
  } else {
    print(*report, asked.task);
  }
  return {};
}

}  // namespace

void add_train_encoder(CLI::App& program, Invocation& invocation) {
  auto arguments = std::make_shared<EncoderArguments>();
  engine::MetricRequest& request = arguments->request;
  CLI::App* command = program.add_subcommand(
      "train-encoder", "Train the metric by which --key learned finds analogs");
  command->add_option("ARCHIVE", arguments->archive, "the archive's folder")->required();
  command->add_option("--task", request.task, "name of the task, trained already")->required();
  command->add_option("--minutes", request.minutes, "bound on the time spent on steps; default 3");
  command->add_option("--steps", request.steps_max, "steps of each of its three fits; default 200");
  add_threads_option(*command, request.threads);
  add_memory_option(*command, request.memory_bytes);
  add_json_flag(*command, invocation);
  command->callback([arguments, &invocation] {
    invocation.run = [arguments, &invocation] { return run_train_encoder(*arguments, invocation); };
  });
}

}  // namespace skipcast::tools
