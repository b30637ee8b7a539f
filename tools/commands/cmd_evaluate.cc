// skipcast evaluate: scores starts, keys and depths against baselines and blind controls.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <memory>

#include "engine/evaluation/evaluate.h"
#include "engine/forecast/policy_forecast.h"
#include "engine/forecast/start_table.h"
#include "engine/keys/key_table.h"
#include "engine/settings/presets.h"
#include "tools/commands/cli.h"
#include "tools/commands/compute_flags.h"
#include "tools/commands/forecast_flags.h"
#include "tools/terminal/progress_bar.h"

namespace skipcast::tools {
namespace {

struct EvaluateArguments {
  std::string archive, task, split = "test", save, save_row, json_file, by_query;
  std::vector<std::string> starts = {"cold", "analog", "mean", "random", "persist"};
  std::vector<std::string> keys = {"context"}, policies, presets;
  std::vector<int64_t> steps = {4};
  std::vector<double> sigmas = {5};
  std::vector<double> cold_sigmas = {0};  // 0: the model's sigma_max
  bool baselines = false, no_reference = false;
  int64_t windows = 0, threads = 0, memory_bytes = storage::kMemoryBytesDefault;
  ComputeFlags compute;
  ForecastFlags flags;
};

// Starts that search for analogs, by a key.
bool has_keys(const std::string& start) {
  return start == "dress" || engine::is_retrieved(engine::read_start(start));
}

void set_depth(double sigma, int64_t steps, ForecastFlags& flags) {
  engine::Setting& setting = flags.setting;
  setting.steps = steps;
  if (setting.start.kind ==
      engine::StartKind::kRedi) {  // the published setting: half of twice as many steps
    setting.steps = 2 * steps;
    setting.depth.skip_steps = steps;
  } else if (setting.start.kind != engine::StartKind::kCold || sigma > 0) {
    setting.depth.entry_sigma = sigma;
  }
}

// Every start at every depth.
Status add_chains(const EvaluateArguments& arguments, const std::string& start,
                  std::vector<engine::Candidate>& candidates) {
  const std::vector<std::string> keys =
      has_keys(start) ? arguments.keys : std::vector<std::string>{arguments.keys.front()};
  std::vector<double> sigmas = start == "cold" ? arguments.cold_sigmas : arguments.sigmas;
  if (start == "redi") sigmas.resize(1);  // entered at a step, not at a sigma
  for (const std::string& key : keys) {
    for (const double sigma : sigmas) {
      for (const int64_t steps : arguments.steps) {
        ForecastFlags flags = arguments.flags;
        set_start(start, flags);
        flags.setting.start.key = engine::read_key(key);
        set_depth(sigma, steps, flags);
        SKIPCAST_TRY(engine::ForecastOptions options, forecast_options(flags));
        candidates.push_back(engine::candidate_of(engine::Candidate::Kind::kChain, options));
      }
    }
  }
  return {};
}

Status add_presets(const EvaluateArguments& arguments, std::vector<engine::Candidate>& candidates) {
  for (const std::string& name : arguments.presets) {
    SKIPCAST_TRY(engine::ForecastOptions base, forecast_options(arguments.flags));
    SKIPCAST_TRY(engine::ForecastOptions options, engine::preset_options(name, base));
    candidates.push_back({.name = "cold " + name, .options = options});
  }
  return {};
}

Status add_policies(const engine::Forecaster& forecaster, const EvaluateArguments& arguments,
                    std::vector<engine::Candidate>& candidates) {
  for (const std::string& name : arguments.policies) {
    SKIPCAST_TRY(engine::Policy policy, engine::load_policy(forecaster, name));
    SKIPCAST_TRY(engine::ForecastOptions options, forecast_options(arguments.flags));
    candidates.push_back(engine::policy_candidate(std::move(policy), options));
  }
  return {};
}

Status add_baselines(const EvaluateArguments& arguments,
                     std::vector<engine::Candidate>& candidates) {
  SKIPCAST_TRY(engine::ForecastOptions options, forecast_options(arguments.flags));
  std::vector<engine::KeyKind> keys;
  for (const std::string& word : arguments.keys) {
    SKIPCAST_TRY(const engine::KeyKind key, engine::key_from(word));
    keys.push_back(key);
  }
  for (auto& each : engine::baselines_of(options, keys)) candidates.push_back(std::move(each));
  return {};
}

engine::Candidate reference(int64_t member_batch) {
  engine::Candidate candidate = engine::cold_reference();
  candidate.options.member_batch = member_batch;
  return candidate;
}

Result<std::vector<engine::Candidate>> candidates_of(const engine::Forecaster& forecaster,
                                                     const EvaluateArguments& arguments) {
  std::vector<engine::Candidate> candidates;
  if (!arguments.no_reference)
    candidates.push_back(reference(arguments.flags.request.member_batch));
  for (const std::string& start : arguments.starts) {
    SKIPCAST_TRY_OK(add_chains(arguments, start, candidates));
  }
  SKIPCAST_TRY_OK(add_presets(arguments, candidates));
  SKIPCAST_TRY_OK(add_policies(forecaster, arguments, candidates));
  if (arguments.baselines) SKIPCAST_TRY_OK(add_baselines(arguments, candidates));
  return candidates;
}

Status check(const EvaluateArguments& arguments) {
  if (!arguments.save_row.empty() && arguments.save.empty()) {
    return usage("--save-row says of which row --save writes: add --save FILE.nc");
  }
  if (arguments.windows < 0) return usage("--windows: 0 (all) or a positive number is expected");
  if (arguments.keys.empty() || arguments.steps.empty() || arguments.sigmas.empty()) {
    return usage("--keys, --nfe and --entry-sigma need at least one value each");
  }
  return engine::part_from(arguments.split).status();
}

Status run_evaluate(const EvaluateArguments& arguments, const Invocation& invocation) {
  SKIPCAST_TRY_OK(check(arguments));
  SKIPCAST_TRY_OK(use_threads(arguments.threads));
  SKIPCAST_TRY(const engine::Compute compute, compute_of(arguments.compute));
  SKIPCAST_TRY(const auto store, open_archive(arguments.archive, storage::OpenMode::kReadOnly));
  ProgressBar bar(console_progress());
  SKIPCAST_TRY(const auto forecaster, open_forecaster(*store, arguments.task, bar.callback(),
                                                      arguments.memory_bytes, compute));
  engine::EvaluateRequest request;
  SKIPCAST_TRY(request.part, engine::part_from(arguments.split));
  SKIPCAST_TRY(request.archive, engine::archive_from(arguments.flags.archive));
  SKIPCAST_TRY(request.candidates, candidates_of(*forecaster, arguments));
  request.windows_max = arguments.windows;
  request.members = arguments.flags.request.members;
  request.seed = arguments.flags.request.seed;
  request.save_path = arguments.save;
  request.save_row = arguments.save_row;
  request.progress = bar.callback();
  const auto evaluation = engine::evaluate(*forecaster, request);
  bar.finish();
  if (!evaluation.ok()) return evaluation.status();
  const std::string json = engine::to_json(*evaluation) + "\n";
  if (!arguments.json_file.empty()) SKIPCAST_TRY_OK(save_text(arguments.json_file, json));
  if (!arguments.by_query.empty()) {
    SKIPCAST_TRY_OK(save_text(arguments.by_query, engine::by_query_csv(*evaluation)));
  }
  fmt::print("{}", invocation.json ? json : engine::to_table(*evaluation));
  if (!invocation.json && !arguments.save.empty()) {
    fmt::print("wrote {}: every forecast of '{}' with its observations\n", arguments.save,
               arguments.save_row.empty() ? evaluation->rows.front().name : arguments.save_row);
  }
  return {};
}

void add_lists(CLI::App& command, EvaluateArguments& arguments) {
  const auto list = [&command](const char* name, auto& values, const std::string& help) {
    command.add_option(name, values, help)
        ->delimiter(',')
        ->allow_extra_args(false)
        ->capture_default_str();
  };
  list("--starts", arguments.starts, "starts to compare: dress, " + engine::start_names());
  list("--keys", arguments.keys, "keys of analog starts: " + engine::key_names());
  list("--nfe,--steps", arguments.steps, "solver steps of the starts: 2,3,4");
  list("--entry-sigma,--start-sigma", arguments.sigmas, "entry sigmas of all starts but cold: 3,5");
  list("--cold-sigma", arguments.cold_sigmas, "entry sigmas of cold starts; 0 = sigma_max");
  list("--presets", arguments.presets, "samplers by name: " + engine::preset_names());
  list("--policy,--policies", arguments.policies, "tuned policies to compare: a,b");
}

void add_chain_flags(CLI::App& command, ForecastFlags& flags) {
  // There are lists of these.
  static constexpr std::array<std::string_view, 7> kListed = {
      "--start", "--key", "--entry-sigma", "--skip-frac", "--skip-steps", "--sigmas", "--steps"};
  add_setting_flags(command, flags, kListed);
  add_request_flags(command, flags);
}

}  // namespace

void add_evaluate(CLI::App& program, Invocation& invocation) {
  auto arguments = std::make_shared<EvaluateArguments>();
  arguments->flags.request.members = 16;
  CLI::App* command = program.add_subcommand(
      "evaluate", "Score starts, depths and baselines on a part of the archive");
  begin_group(*command, engine::Group::kEveryday);
  command->add_option("ARCHIVE", arguments->archive, "the archive's folder")->required();
  command->add_option("--task", arguments->task, "name of the task")->required();
  command->add_option("--split", arguments->split, "train, validation or test")
      ->capture_default_str();
  add_lists(*command, *arguments);
  command
      ->add_option("--windows", arguments->windows,
                   "score so many windows, evenly spaced; 0 = as the task says")
      ->capture_default_str();
  add_chain_flags(*command, arguments->flags);
  begin_group(*command, engine::Group::kOutput);
  command->add_flag("--baselines", arguments->baselines,
                    "also persistence, climatology and the analogs themselves");
  command->add_flag("--no-reference", arguments->no_reference,
                    "leave out the cold start with 35 evaluations");
  command->add_option("--save", arguments->save,
                      "NetCDF file for every forecast of a row and its observations");
  command->add_option("--save-row", arguments->save_row,
                      "which row --save writes: its name in the table, or a policy's; default: "
                      "the first");
  command->add_option("--json-file", arguments->json_file, "JSON file besides the table");
  command->add_option("--by-query", arguments->by_query,
                      "CSV file of every query's CRPS (bench/plot_adaptation draws two of them)");
  add_json_flag(*command, invocation);
  begin_group(*command, engine::Group::kCompute);
  add_compute_flags(*command, arguments->compute);
  add_threads_option(*command, arguments->threads);
  add_memory_option(*command, arguments->memory_bytes);
  command->callback([arguments, &invocation] {
    invocation.run = [arguments, &invocation] { return run_evaluate(*arguments, invocation); };
  });
}

}  // namespace skipcast::tools
