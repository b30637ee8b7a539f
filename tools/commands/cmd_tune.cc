// skipcast tune: finds the skip depth on validation windows; front (CSV, PNG) and policy (JSON).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/tuning/tuner.h"
#include "tools/commands/cli.h"
#include "tools/commands/compute_flags.h"
#include "tools/commands/forecast_flags.h"
#include "tools/figures/plot.h"
#include "tools/figures/tune_figure.h"
#include "tools/terminal/progress_bar.h"

namespace skipcast::tools {
namespace {

struct TuneArguments {
  std::string archive, task, mode = "growing", objective = "crps";
  engine::TuneRequest request;
  int64_t threads = 0, memory_bytes = storage::kMemoryBytesDefault;
  ComputeFlags compute;
};

void print_row(int64_t nfe, const engine::Trial& trial) {
  fmt::print("{:>6} {:>10.4f} {:>10.4f} {:>8.2f} {:>9.1f}  {}\n", nfe, trial.crps, trial.energy,
             trial.spread_skill, 1000 * trial.seconds_per_query, engine::describe(trial.options));
}

// How much worse than the policy the setting that enters from analogs is on validation.
double mid_chain_percent(const engine::TuneReport& report) {
  return 100 * (report.mid_chain->crps / report.policy.validation_crps - 1);
}

// "+1.8 % [+0.6, +3.0]": how much better than the untuned setting.
std::string gain_text(const engine::Difference& loss) {
  return fmt::format("{:+.1f} % [{:+.1f}, {:+.1f}]", -loss.percent(), -loss.percent_high(),
                     -loss.percent_low());
}

std::string confirmation_text(const engine::Confirmation& confirmation) {
  const engine::Difference& loss = confirmation.loss;
  const std::string untuned = engine::describe(confirmation.untuned);
  if (loss.queries == 0) {
    return fmt::format("too few windows to confirm a choice: untuned ({})", untuned);
  }
  const std::string gain = fmt::format("{} over untuned ({}) on {} windows that chose nothing",
                                       gain_text(loss), untuned, loss.queries);
  switch (confirmation.outcome) {
    case engine::Outcome::kBetter:
      return gain + ": better";
    case engine::Outcome::kCheaper:
      return gain + ": cheaper and not worse";
    case engine::Outcome::kUntuned:
      break;
  }
  return fmt::format("none shown, so the untuned setting stays; {} had {}", confirmation.offered,
                     gain);
}

void print_table(const engine::TuneReport& report) {
  fmt::print("{:>6} {:>10} {:>10} {:>8} {:>9}  {}\n", "<= NFE", "CRPS fair", "energy", "spread",
             "ms", "best on validation; then cold");
  for (const auto& [nfe, trial] : report.best_per_nfe) print_row(nfe, trial);
  for (const auto& [nfe, trial] : report.cold_per_nfe) print_row(nfe, trial);
  fmt::print("policy    {}: CRPS {:.4f} with {:.2f} NFE on average\n", report.policy_path,
             report.policy.validation_crps, report.policy.mean_nfe);
  fmt::print("expected  {}\n", confirmation_text(report.confirmation));
  if (report.policy.depth.on()) {
    fmt::print("depth     {}\n", describe(report.policy.depth, report.policy.measure));
  }
  fmt::print("fixed     {}: the best within each NFE\n", fmt::join(report.nfe_policies, ", "));
  fmt::print("cold      {}: the best cold start within each\n",
             fmt::join(report.cold_policies, ", "));
  if (report.mid_chain) {
    fmt::print("chain     {}: entered from analogs, {:+.1f} % CRPS with {:g} NFE\n",
               report.mid_chain_policy, mid_chain_percent(report), report.mid_chain->nfe);
  }
  fmt::print("trials    {} and {} to confirm ({} from an earlier run){}\n", report.trials.size(),
             report.confirmation.trials.size(), report.trials_reused,
             report.budget_spent ? "; the budget ended the sweep: run again to go on" : "");
}

nlohmann::json trial_json(const engine::Trial& trial) {
  return {{"start", engine::describe(trial.options)},
          {"nfe", trial.nfe},
          {"nfe_shared", trial.nfe_shared},
          {"crps_fair", trial.crps},
          {"energy_fair", trial.energy},
          {"variogram", trial.variogram},
          {"spread_skill", trial.spread_skill},
          {"seconds_per_query", trial.seconds_per_query},
          {"on_front", trial.on_front}};
}

nlohmann::json confirmation_json(const engine::Confirmation& confirmation) {
  const engine::Difference& loss = confirmation.loss;
  nlohmann::json value = {{"outcome", engine::word(confirmation.outcome)},
                          {"untuned", engine::describe(confirmation.untuned)},
                          {"offered", confirmation.offered},
                          {"windows", loss.queries}};
  if (loss.queries == 0) return value;
  value["percent"] = -loss.percent();
  value["low"] = -loss.percent_high();
  value["high"] = -loss.percent_low();
  return value;
}

nlohmann::json report_json(const engine::TuneReport& report, const std::string& picture) {
  nlohmann::json value = {{"policy", report.policy_path},
                          {"policy_crps_fair", report.policy.validation_crps},
                          {"policy_nfe", report.policy.mean_nfe},
                          {"expected_gain", confirmation_json(report.confirmation)},
                          {"front_csv", report.front_csv_path},
                          {"front_png", picture},
                          {"trials_file", report.trials_path},
                          {"trials", report.trials.size()},
                          {"reused", report.trials_reused},
                          {"budget_spent", report.budget_spent},
                          {"policies_per_nfe", report.nfe_policies},
                          {"cold_policies_per_nfe", report.cold_policies}};
  const auto add = [&value](const char* key, const std::map<int64_t, engine::Trial>& trials) {
    for (const auto& [nfe, trial] : trials) {
      value[key].push_back(trial_json(trial));
      value[key].back()["nfe_at_most"] = nfe;
    }
  };
  if (report.mid_chain) {
    value["mid_chain"] = trial_json(*report.mid_chain);
    value["mid_chain"]["policy"] = report.mid_chain_policy;
    value["mid_chain"]["percent_of_policy"] = mid_chain_percent(report);
  }
  add("best_per_nfe", report.best_per_nfe);
  add("cold_per_nfe", report.cold_per_nfe);
  return value;
}

Status run_tune(const TuneArguments& arguments, const Invocation& invocation) {
  SKIPCAST_TRY_OK(use_threads(arguments.threads));
  engine::TuneRequest request = arguments.request;
  SKIPCAST_TRY(request.archive, engine::archive_from(arguments.mode));
  SKIPCAST_TRY(request.objective, engine::objective_from(arguments.objective));
  if (request.name.find('/') != std::string::npos) {
    return usage(fmt::format("--name {}: a name without slashes is expected", request.name));
  }
  SKIPCAST_TRY(const engine::Compute compute, compute_of(arguments.compute));
  SKIPCAST_TRY(const auto store, open_archive(arguments.archive, storage::OpenMode::kReadOnly));
  ProgressBar bar(console_progress());
  SKIPCAST_TRY(const auto forecaster, open_forecaster(*store, arguments.task, bar.callback(),
                                                      arguments.memory_bytes, compute));
  request.progress = bar.callback();
  const auto report = engine::tune(*forecaster, request);
  bar.finish();
  if (report.status().code() == Code::kInterrupted) {
    return {Code::kInterrupted,
            "stopped; all trials so far are kept. The same command goes on "
            "where this one ended."};
  }
  if (!report.ok()) return report.status();
  const std::string picture =
      std::filesystem::path(report->front_csv_path).replace_extension(".png").string();
  SKIPCAST_TRY_OK(draw_front(tune_figure(*report, arguments.task, picture)));
  if (invocation.json) {
    print_json(report_json(*report, picture));
    return {};
  }
  print_table(*report);
  fmt::print("front     {}\npicture   {}\nuse it    skipcast forecast {} --task {} --policy {}\n",
             report->front_csv_path, picture, arguments.archive, arguments.task,
             report->policy.name);
  return {};
}

// Which flags of `forecast` a sweep chooses, stage by stage.
std::string tuned_text() {
  std::string plans, variations, levels;
  for (const engine::Knob& knob : engine::knobs()) {
    const auto add = [&knob](std::string& names) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", knob.flag);
    };
    if (knob.stage == engine::Stage::kPlans) add(plans);
    if (knob.stage == engine::Stage::kVariations) add(variations);
    if (knob.stage == engine::Stage::kLevels) add(levels);
  }
  return fmt::format("Plans try {}.\nThe best of them vary in {}.\nLast come levels: {}.", plans,
                     variations, levels);
}

}  // namespace

void add_tune(CLI::App& program, Invocation& invocation) {
  auto arguments = std::make_shared<TuneArguments>();
  engine::TuneRequest& request = arguments->request;
  CLI::App* command = program.add_subcommand("tune", "Find the skip depth on validation windows");
  command->footer(tuned_text());
  begin_group(*command, engine::Group::kEveryday);
  command->add_option("ARCHIVE", arguments->archive, "the archive's folder")->required();
  command->add_option("--task", arguments->task, "name of the task")->required();
  command->add_option("--name", request.name, "name of the policy; default: the task's");
  command->add_option("--budget-minutes,--minutes", request.budget_minutes, "time for new trials")
      ->capture_default_str();
  command
      ->add_option("--objective", arguments->objective,
                   "what is minimised: crps, energy, variogram or mix (crps and energy)")
      ->capture_default_str();
  command->add_option("--windows", request.windows, "validation windows a trial, which choose")
      ->capture_default_str();
  command
      ->add_option("--confirm-windows", request.confirm_windows,
                   "other validation windows, apart in time, on which the choice must hold beside "
                   "the untuned setting")
      ->capture_default_str();
  command->add_option("--members", request.members, "members of every ensemble")
      ->capture_default_str();
  command
      ->add_option("--max-nfe", request.nfe_max,
                   "evaluations a member that are tried; the untuned setting may have more")
      ->capture_default_str();
  command->add_option("--seed", request.seed, "of all randomness")->capture_default_str();
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
    invocation.run = [arguments, &invocation] { return run_tune(*arguments, invocation); };
  });
}

}  // namespace skipcast::tools
