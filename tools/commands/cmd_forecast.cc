// skipcast forecast: one query becomes an ensemble, a NetCDF file and a picture.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/forecast/forecast_file.h"
#include "engine/forecast/forecaster.h"
#include "engine/forecast/policy_forecast.h"
#include "engine/settings/policy.h"
#include "tools/commands/cli.h"
#include "tools/commands/compute_flags.h"
#include "tools/commands/forecast_flags.h"
#include "tools/commands/forecast_report.h"
#include "tools/figures/forecast_plot.h"
#include "tools/terminal/output.h"
#include "tools/terminal/progress_bar.h"

namespace skipcast::tools {
namespace {

using engine::Group;

struct ForecastArguments {
  std::string archive, task, at, policy, out;
  ForecastFlags flags;
  PlotWish plot;
  int64_t threads = 0, memory_bytes = storage::kMemoryBytesDefault;
  ComputeFlags compute;
  bool statistics = false;  // in place of the members
  const CLI::App* command = nullptr;
};

struct Made {
  engine::Forecast forecast;
  engine::ForecastOptions options;  // those used: the policy's choice, when there is one
};

Status check_folder(const char* option, const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  if (path.empty() || parent.empty() || std::filesystem::is_directory(parent)) return {};
  return usage(
      fmt::format("{} {}: there is no folder {}; make it first", option, path, parent.string()));
}

// What can be refused before the archive is opened and minutes are spent.
Status check(const ForecastArguments& arguments) {
  std::string option;
  if (!arguments.policy.empty() && decides_depth(*arguments.command, &option)) {
    return usage(
        fmt::format("--policy and {} contradict each other: a policy chooses start, depth "
                    "and solver itself; leave one of them out",
                    option));
  }
  if (!arguments.flags.preset.empty() && !arguments.policy.empty()) {
    return usage("--policy and --preset contradict each other: leave one of them out");
  }
  if (!arguments.flags.preset.empty() && decides_depth(*arguments.command, &option)) {
    return usage(
        fmt::format("--preset and {} contradict each other: a preset is a cold start with "
                    "solver and steps of its own; leave one of them out",
                    option));
  }
  if (!arguments.plot.path.empty() && !arguments.plot.path.ends_with(".png")) {
    return usage(fmt::format("--plot {}: pictures are PNG files; give a name that ends in .png",
                             arguments.plot.path));
  }
  if (arguments.statistics && arguments.out.empty()) {
    return usage("--statistics says what --out writes: add --out f.nc");
  }
  SKIPCAST_TRY_OK(forecast_options(arguments.flags).status());
  SKIPCAST_TRY_OK(check_folder("--out", arguments.out));
  return check_folder("--plot", arguments.plot.path);
}

Result<int64_t> origin_of(const engine::Forecaster& forecaster, const std::string& at) {
  if (at.empty()) return forecaster.store().size() - 1;
  const auto time_s = storage::parse_time(at);
  if (!time_s.ok()) return usage("--at: " + time_s.status().message());
  return forecaster.origin_at(*time_s);
}

Result<Made> make(engine::Forecaster& forecaster, const ForecastArguments& arguments) {
  SKIPCAST_TRY(const int64_t origin, origin_of(forecaster, arguments.at));
  SKIPCAST_TRY(engine::ForecastOptions options, forecast_options(arguments.flags));
  options.statistics = arguments.statistics;
  if (arguments.policy.empty()) {
    for (const std::string& idle : idle_flags(*arguments.command, options)) {
      say(fmt::format("note: {}\n", idle));
    }
    SKIPCAST_TRY_OK(forecaster.prepare(options));
    SKIPCAST_TRY(engine::Forecast forecast, forecaster.forecast(origin, options));
    return Made{std::move(forecast), options};
  }
  SKIPCAST_TRY(const engine::Policy policy, engine::load_policy(forecaster, arguments.policy));
  SKIPCAST_TRY(const engine::ForecastOptions chosen,  // printed and stored with the forecast
               engine::choose_for(forecaster, policy, origin, options));
  SKIPCAST_TRY_OK(forecaster.prepare(chosen));
  SKIPCAST_TRY(engine::Forecast forecast, engine::forecast_by(forecaster, policy, origin, options));
  return Made{std::move(forecast), chosen};
}

Status print(const engine::Forecaster& forecaster, const Made& made,
             const ForecastArguments& arguments, bool json) {
  if (json) {
    SKIPCAST_TRY(nlohmann::json value, forecast_json(forecaster, made.forecast, made.options));
    if (!arguments.out.empty()) value["out"] = arguments.out;
    if (!arguments.plot.path.empty()) value["plot"] = arguments.plot.path;
    if (!arguments.policy.empty()) value["policy"] = arguments.policy;
    print_json(value);
    return {};
  }
  fmt::print("{}", cost_text(forecaster, made.forecast, made.options));
  SKIPCAST_TRY(const std::string table, lead_time_table(forecaster, made.forecast));
  fmt::print("{}", table);
  if (!arguments.out.empty()) fmt::print("\nwrote {}\n", arguments.out);
  if (!arguments.plot.path.empty()) fmt::print("drew {}\n", arguments.plot.path);
  if (arguments.out.empty() && arguments.plot.path.empty()) {
    fmt::print("\nNothing was saved: --out f.nc writes the members, --plot f.png draws them.\n");
  }
  return {};
}

Status run_forecast(const ForecastArguments& arguments, const Invocation& invocation) {
  SKIPCAST_TRY_OK(check(arguments));
  SKIPCAST_TRY_OK(use_threads(arguments.threads));
  SKIPCAST_TRY(const engine::Compute compute, compute_of(arguments.compute));
  SKIPCAST_TRY(const auto store, open_archive(arguments.archive, storage::OpenMode::kReadOnly));
  ProgressBar bar(console_progress());
  SKIPCAST_TRY(const auto forecaster, open_forecaster(*store, arguments.task, bar.callback(),
                                                      arguments.memory_bytes, compute));
  SKIPCAST_TRY(const Made made, make(*forecaster, arguments));
  bar.finish();
  if (!arguments.out.empty()) {
    SKIPCAST_TRY_OK(engine::write_forecast(arguments.out, *forecaster, made.forecast,
                                           {invocation.command_line, made.options}));
  }
  if (!arguments.plot.path.empty()) {
    SKIPCAST_TRY_OK(plot_forecast(*forecaster, made.forecast, arguments.plot));
  }
  return print(*forecaster, made, arguments, invocation.json);
}

}  // namespace

void add_forecast(CLI::App& program, Invocation& invocation) {
  auto arguments = std::make_shared<ForecastArguments>();
  CLI::App* command = program.add_subcommand("forecast", "An ensemble forecast from one init time");
  arguments->command = command;
  begin_group(*command, Group::kEveryday);
  command->add_option("ARCHIVE", arguments->archive, "the archive's folder")->required();
  command->add_option("--task", arguments->task, "name of the task, as `inspect` lists them")
      ->required();
  command->add_option("--at", arguments->at,
                      "init time (UTC), e.g. 2016-12-18T00; default: the last state");
  command->add_option("--policy", arguments->policy,
                      "a tuned policy (name or file) chooses start, depth and solver");
  add_forecast_flags(*command, arguments->flags);
  begin_group(*command, Group::kEveryday);
  command->add_option("--out", arguments->out, "NetCDF file to write");
  command->add_option("--plot", arguments->plot.path, "PNG file to draw");
  begin_group(*command, Group::kOutput);
  command->add_flag("--statistics", arguments->statistics,
                    "write mean, spread and quantiles in place of the members");
  command->add_option("--plot-variable", arguments->plot.variable, "variable to draw");
  command->add_option("--plot-places", arguments->plot.places, "places to draw: a,b,c")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--plot-leads", arguments->plot.lead_times, "lead times of maps: 1,4,8")
      ->delimiter(',')
      ->allow_extra_args(false);
  add_json_flag(*command, invocation);
  begin_group(*command, Group::kCompute);
  add_compute_flags(*command, arguments->compute);
  add_threads_option(*command, arguments->threads);
  add_memory_option(*command, arguments->memory_bytes);
  command->callback([arguments, &invocation] {
    invocation.run = [arguments, &invocation] { return run_forecast(*arguments, invocation); };
  });
}

}  // namespace skipcast::tools
