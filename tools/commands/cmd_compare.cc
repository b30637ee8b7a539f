// skipcast compare: policies and named samplers side by side, every pair with its interval.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/evaluation/evaluate.h"
#include "engine/evaluation/text_table.h"
#include "engine/forecast/policy_forecast.h"
#include "engine/settings/presets.h"
#include "tools/commands/cli.h"
#include "tools/commands/compute_flags.h"
#include "tools/commands/forecast_flags.h"
#include "tools/terminal/progress_bar.h"

namespace skipcast::tools {
namespace {

using engine::CandidateScores;
using engine::Difference;
using engine::Metric;

struct CompareArguments {
  std::string archive, task, split = "test", metric = "crps", mode = "growing";
  std::vector<std::string> policies, presets;
  int64_t windows = 0, members = 16, threads = 0, memory_bytes = storage::kMemoryBytesDefault;
  ComputeFlags compute;
  uint64_t seed = 1;
};

Result<Metric> metric_from(const std::string& word) {
  if (word == "crps") return Metric::kCrpsFair;
  if (word == "energy") return Metric::kEnergyFair;
  if (word == "variogram") return Metric::kVariogram;
  return usage(fmt::format("--metric {}: crps, energy or variogram is expected", word));
}

Result<std::vector<engine::Candidate>> candidates_of(const engine::Forecaster& forecaster,
                                                     const CompareArguments& arguments) {
  std::vector<engine::Candidate> candidates;
  for (const std::string& name : arguments.policies) {
    SKIPCAST_TRY(engine::Policy policy, engine::load_policy(forecaster, name));
    candidates.push_back({.name = policy.name,
                          .kind = engine::Candidate::Kind::kPolicy,
                          .policy = std::move(policy)});
  }
  for (const std::string& name : arguments.presets) {
    SKIPCAST_TRY(engine::ForecastOptions options, engine::preset_options(name, {}));
    candidates.push_back({.name = name, .options = options});
  }
  if (candidates.size() < 2) {
    return usage("there is nothing to compare: name two or more --policies or --presets");
  }
  return candidates;
}

// differences[a][b]: a minus b.
using Matrix = std::vector<std::vector<Difference>>;

Result<Matrix> differences_of(const std::vector<CandidateScores>& rows, Metric metric) {
  Matrix matrix;
  for (const CandidateScores& a : rows) {
    matrix.emplace_back();
    for (const CandidateScores& b : rows) {
      SKIPCAST_TRY(Difference difference,
                   engine::paired_difference(a.normalised_rows, b.normalised_rows, metric));
      matrix.back().push_back(difference);
    }
  }
  return matrix;
}

void print_scores(const engine::Evaluation& evaluation) {
  fmt::print("{}, {} part, {} windows, {} members, archive {}; normalised units, lower is better\n",
             evaluation.task, evaluation.part, evaluation.windows, evaluation.members,
             evaluation.archive_mode);
  std::vector<std::vector<std::string>> table = {
      {"", "NFE", "ms", "CRPS", "energy", "variogram", "spread-skill"}};
  for (const CandidateScores& row : evaluation.rows) {
    table.push_back({row.name, engine::nfe_text(row),
                     fmt::format("{:.1f}", row.seconds_per_query * 1e3),
                     fmt::format("{:.4f}", row.normalised.crps_fair),
                     fmt::format("{:.4f}", row.normalised.energy_fair),
                     fmt::format("{:.4f}", row.normalised.variogram),
                     fmt::format("{:.2f}", row.normalised.spread_skill)});
  }
  fmt::print("{}", engine::text_table(table));
  fmt::print(
      "NFE: network evaluations a member, + those all members share; ms a query, retrieval "
      "included\n");
}

void print_differences(const std::vector<CandidateScores>& rows, const Matrix& matrix,
                       const std::string& metric) {
  std::vector<std::vector<std::string>> table = {{""}};
  for (const CandidateScores& column : rows) table[0].push_back(column.name);
  for (size_t a = 0; a < rows.size(); ++a) {
    table.push_back({rows[a].name});
    for (size_t b = 0; b < rows.size(); ++b) {
      const Difference& each = matrix[a][b];
      table.back().push_back(a == b ? "- "
                                    : fmt::format("{:+.1f} [{:+.1f}, {:+.1f}]{}", each.percent(),
                                                  each.percent_low(), each.percent_high(),
                                                  each.significant() ? "*" : " "));
    }
  }
  fmt::print(
      "\n{}: row minus column, in % of the column, 95 % interval by paired block bootstrap; "
      "* where it leaves out 0\n{}",
      metric, engine::text_table(table));
}

nlohmann::json to_json(const engine::Evaluation& evaluation, const Matrix& matrix,
                       const std::string& metric) {
  nlohmann::json value = nlohmann::json::parse(engine::to_json(evaluation));
  nlohmann::json pairs = nlohmann::json::array();
  for (size_t a = 0; a < matrix.size(); ++a) {
    for (size_t b = 0; b < matrix.size(); ++b) {
      if (a == b) continue;
      const Difference& each = matrix[a][b];
      pairs.push_back({{"a", evaluation.rows[a].name},
                       {"b", evaluation.rows[b].name},
                       {"mean", each.mean},
                       {"low", each.low},
                       {"high", each.high},
                       {"percent", each.percent()},
                       {"percent_low", each.percent_low()},
                       {"percent_high", each.percent_high()},
                       {"significant", each.significant()}});
    }
  }
  value["metric"] = metric;
  value["pairs"] = std::move(pairs);
  return value;
}

Status run_compare(const CompareArguments& arguments, const Invocation& invocation) {
  if (arguments.windows < 0) return usage("--windows: 0 (all) or a positive number is expected");
  SKIPCAST_TRY(const Metric metric, metric_from(arguments.metric));
  engine::EvaluateRequest request;
  SKIPCAST_TRY(request.part, engine::part_from(arguments.split));
  SKIPCAST_TRY(request.archive, engine::archive_from(arguments.mode));
  SKIPCAST_TRY_OK(use_threads(arguments.threads));
  SKIPCAST_TRY(const engine::Compute compute, compute_of(arguments.compute));
  SKIPCAST_TRY(const auto store, open_archive(arguments.archive, storage::OpenMode::kReadOnly));
  ProgressBar bar(console_progress());
  SKIPCAST_TRY(const auto forecaster, open_forecaster(*store, arguments.task, bar.callback(),
                                                      arguments.memory_bytes, compute));
  SKIPCAST_TRY(request.candidates, candidates_of(*forecaster, arguments));
  request.windows_max = arguments.windows;
  request.members = arguments.members;
  request.seed = arguments.seed;
  request.progress = bar.callback();
  const auto evaluation = engine::evaluate(*forecaster, request);
  bar.finish();
  if (!evaluation.ok()) return evaluation.status();
  SKIPCAST_TRY(const Matrix matrix, differences_of(evaluation->rows, metric));
  if (invocation.json) {
    print_json(to_json(*evaluation, matrix, arguments.metric));
    return {};
  }
  print_scores(*evaluation);
  print_differences(evaluation->rows, matrix, arguments.metric);
  return {};
}

}  // namespace

void add_compare(CLI::App& program, Invocation& invocation) {
  auto arguments = std::make_shared<CompareArguments>();
  CLI::App* command =
      program.add_subcommand("compare", "Compare policies and named samplers, pair by pair");
  begin_group(*command, engine::Group::kEveryday);
  command->add_option("ARCHIVE", arguments->archive, "the archive's folder")->required();
  command->add_option("--task", arguments->task, "name of the task")->required();
  const auto list = [command](const char* name, auto& values, const std::string& help) {
    command->add_option(name, values, help)->delimiter(',')->allow_extra_args(false);
  };
  list("--policies,--policy", arguments->policies, "tuned policies: a,b,c");
  list("--presets,--preset", arguments->presets, "samplers by name: " + engine::preset_names());
  command->add_option("--split", arguments->split, "train, validation or test")
      ->capture_default_str();
  command->add_option("--metric", arguments->metric, "of the pairs: crps, energy or variogram")
      ->capture_default_str();
  command
      ->add_option("--windows", arguments->windows,
                   "score so many windows, evenly spaced; 0 = as the task says")
      ->capture_default_str();
  command->add_option("--members", arguments->members, "members of every ensemble")
      ->capture_default_str();
  command->add_option("--seed", arguments->seed, "of all randomness")->capture_default_str();
  begin_group(*command, engine::Group::kRetrieval);
  command->add_option("--archive", arguments->mode, "analogs from: growing or frozen")
      ->capture_default_str();
  begin_group(*command, engine::Group::kOutput);
  add_json_flag(*command, invocation);
  begin_group(*command, engine::Group::kCompute);
  add_compute_flags(*command, arguments->compute);
  add_threads_option(*command, arguments->threads);
  add_memory_option(*command, arguments->memory_bytes);
  command->callback([arguments, &invocation] {
    invocation.run = [arguments, &invocation] { return run_compare(*arguments, invocation); };
  });
}

}  // namespace skipcast::tools
