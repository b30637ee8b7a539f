// skipcast train: trains the network of a task on the archive's training part.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/keys/key_table.h"
#include "engine/methods/copy_trainer.h"
#include "engine/methods/moment_trainer.h"
#include "engine/methods/network_trainer.h"
#include "tools/commands/cli.h"
#include "tools/commands/compute_flags.h"
#include "tools/terminal/progress_bar.h"

namespace skipcast::tools {
namespace {

constexpr double kMinutesMax = 60 * 24 * 30;

struct TrainArguments {
  std::string archive;
  engine::TrainRequest request;
  bool moments = false;                     // only the moment heads
  bool cross_fit = false;                   // only the folds
  bool informed = false, finisher = false;  // a fine-tuned copy of the network
  bool no_retrieval = false;
  std::string key = "forecast";
  int64_t evaluations = 1;

  bool copies() const { return informed || finisher; }
  ComputeFlags compute;
};

Status check(const TrainArguments& arguments) {
  const engine::TrainRequest& request = arguments.request;
  const int parts = int{arguments.moments} + int{arguments.cross_fit} + int{arguments.informed} +
                    int{arguments.finisher};
  if (parts > 1) {
    return usage(
        "--moments, --cross-fit, --informed and --finisher are trained one after the "
        "other");
  }
  if (parts == 1 && (request.resume || request.described_places)) {
    return usage("--resume and --described-places are of the network itself: leave them out");
  }
  if (arguments.informed && arguments.no_retrieval) {
    return usage("an informed network without retrieval is the network itself");
  }
  if (!(request.minutes >= 0) || request.minutes > kMinutesMax) {
    return usage(fmt::format("--minutes {}: a positive number is expected", request.minutes));
  }
  if (request.steps_max < 0) {
    return usage(fmt::format("--steps {}: a positive number is expected", request.steps_max));
  }
  return {};
}

std::string resume_hint(const TrainArguments& arguments) {
  return fmt::format(
      "stopped; the checkpoint is written. Go on with: skipcast train {} --task {} "
      "--resume{}",
      arguments.archive, arguments.request.task,
      arguments.request.described_places ? " --described-places" : "");
}

void print(const engine::TrainReport& report, const TrainArguments& arguments, bool json) {
  const std::string& task = arguments.request.task;
  if (json) {
    const nlohmann::json value = {{"task", task},
                                  {"model", report.model_path},
                                  {"steps", report.steps},
                                  {"best_step", report.best_step},
                                  {"parameters", report.parameters},
                                  {"seconds", report.seconds},
                                  {"loss", report.loss},
                                  {"validation_crps_normalised", report.validation_crps}};
    print_json(value);
    return;
  }
  fmt::print("trained   {}{}: {} steps in {}, {} parameters, loss {:.4f}\n",
             arguments.cross_fit ? "folds of " : "", task, report.steps, clock_text(report.seconds),
             report.parameters, report.loss);
  if (arguments.cross_fit) {
    fmt::print("model     {} (fair CRPS of the folds on validation {:.4f} in normalised units)\n",
               report.model_path, report.validation_crps);
    fmt::print(
        "note      to earlier copies, metrics and policies this is another model: train and "
        "tune them again\n");
    return;
  }
  fmt::print("model     {} (fair CRPS on validation {:.4f} in normalised units, at step {})\n",
             report.model_path, report.validation_crps, report.best_step);
}

void print(const engine::MomentsReport& report, const std::string& task, bool json) {
  if (json) {
    const nlohmann::json value = {{"task", task},
                                  {"model", report.model_path},
                                  {"steps", report.steps},
                                  {"parameters", report.parameters},
                                  {"seconds", report.seconds},
                                  {"validation_loss", report.loss},
                                  {"validation_loss_constant", report.loss_constant}};
    print_json(value);
    return;
  }
  fmt::print("trained   moment heads of {}: {} steps in {}, {} parameters\n", task, report.steps,
             clock_text(report.seconds), report.parameters);
  fmt::print("model     {} (loss on validation {:.4f}; of constant moments {:.4f})\n",
             report.model_path, report.loss, report.loss_constant);
  fmt::print("note      to earlier policies this is another model: run skipcast tune again\n");
}

Status run_moments(const storage::SeriesStore& store, const TrainArguments& arguments,
                   const Invocation& invocation) {
  const engine::TrainRequest& asked = arguments.request;
  ProgressBar bar(console_progress());
  const engine::MomentsRequest request = {.task = asked.task,
                                          .minutes = asked.minutes,
                                          .steps_max = asked.steps_max,
                                          .threads = asked.threads,
                                          .compute = asked.compute,
                                          .progress = bar.callback()};
  const auto report = engine::train_moments(store, request);
  bar.finish();
  if (!report.ok()) return suggest_task(store, asked.task, report.status());
  print(*report, asked.task, invocation.json);
  return {};
}

void print(const engine::FineTuneReport& report, const TrainArguments& arguments, bool json) {
  const std::string role = arguments.finisher ? "finisher" : "informed";
  if (json) {
    nlohmann::json scores = nlohmann::json::array();
    for (const engine::FineTuneScore& score : report.scores) {
      scores.push_back({{"start", score.start},
                        {"with_retrieval", score.with},
                        {"without_retrieval", score.without},
                        {"crps_with_retrieval", score.crps_with},
                        {"crps_without_retrieval", score.crps_without}});
    }
    const nlohmann::json value = {{"task", arguments.request.task},
                                  {"role", role},
                                  {"file", report.path},
                                  {"steps", report.steps},
                                  {"best_step", report.best_step},
                                  {"parameters", report.parameters},
                                  {"seconds", report.seconds},
                                  {"loss", report.loss},
                                  {"analog_distance_training", report.training_distance},
                                  {"analog_distance_validation", report.validation_distance},
                                  {"validation", scores}};
    print_json(value);
    return;
  }
  fmt::print("trained   {} network of {}: {} steps in {}, {} parameters, loss {:.4f}\n", role,
             arguments.request.task, report.steps, clock_text(report.seconds), report.parameters,
             report.loss);
  for (const engine::FineTuneScore& score : report.scores) {
    fmt::print("validation {:8} loss {:.4f} with retrieval, {:.4f} without", score.start,
               score.with, score.without);
    if (score.crps_with > 0) {
      fmt::print("; fair CRPS {:.4f} and {:.4f}", score.crps_with, score.crps_without);
    }
    fmt::print("\n");
  }
  if (report.training_distance > 0) {
    fmt::print("analogs   mean distance {:.4g} in training, {:.4g} on validation\n",
               report.training_distance, report.validation_distance);
  }
  fmt::print("network   {} (at step {})\n", report.path, report.best_step);
}

Status run_fine_tune(const storage::SeriesStore& store, const TrainArguments& arguments,
                     const Invocation& invocation) {
  const engine::TrainRequest& asked = arguments.request;
  ProgressBar bar(console_progress());
  engine::FineTuneRequest request = {
      .task = asked.task,
      .copy = arguments.finisher ? engine::kOneStepCopy : engine::kConditionedCopy,
      .retrieval = !arguments.no_retrieval,
      .evaluations = arguments.evaluations,
      .minutes = asked.minutes,
      .steps_max = asked.steps_max,
      .threads = asked.threads,
      .compute = asked.compute,
      .progress = bar.callback()};
  SKIPCAST_TRY(request.key, engine::key_from(arguments.key));
  const auto report = engine::fine_tune(store, request);
  bar.finish();
  if (!report.ok()) return suggest_task(store, asked.task, report.status());
  print(*report, arguments, invocation.json);
  return {};
}

Status run_train(TrainArguments arguments, const Invocation& invocation) {
  SKIPCAST_TRY_OK(check(arguments));
  SKIPCAST_TRY(arguments.request.compute, compute_of(arguments.compute));
  SKIPCAST_TRY_OK(use_threads(arguments.request.threads));
  SKIPCAST_TRY(const auto store, open_archive(arguments.archive, storage::OpenMode::kReadOnly));
  if (arguments.moments) return run_moments(*store, arguments, invocation);
  if (arguments.copies()) return run_fine_tune(*store, arguments, invocation);
  ProgressBar bar(console_progress());
  engine::TrainRequest request = arguments.request;
  request.progress = bar.callback();
  const auto report =
      arguments.cross_fit ? engine::cross_fit(*store, request) : engine::train(*store, request);
  bar.finish();
  if (report.status().code() == Code::kInterrupted && !arguments.cross_fit) {
    return {Code::kInterrupted, resume_hint(arguments)};
  }
  if (!report.ok()) return suggest_task(*store, request.task, report.status());
  print(*report, arguments, invocation.json);
  return {};
}

}  // namespace

void add_train(CLI::App& program, Invocation& invocation) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = program.add_subcommand("train", "Train the network of a task");
  command->add_option("ARCHIVE", arguments->archive, "the archive's folder")->required();
  command
      ->add_option("--task", arguments->request.task,
                   "name of the task, as `inspect` lists them, or a JSON file")
      ->required();
  command->add_option("--minutes", arguments->request.minutes,
                      "stop after so many minutes; default: the task's");
  command->add_option("--steps", arguments->request.steps_max,
                      "stop after so many steps; default: the task's");
  command->add_flag("--moments", arguments->moments,
                    "only the heads that the solver gms needs, on the network as it is trained; 4 "
                    "minutes unless said otherwise");
  command->add_flag("--cross-fit", arguments->cross_fit,
                    "only two more networks, each trained on half of the training part, by which "
                    "keys and residuals of past windows are honest; as many minutes as the "
                    "network's own");
  command->add_flag("--informed", arguments->informed,
                    "only a copy of the trained network that also sees what happened after similar "
                    "situations; 10 minutes unless said otherwise");
  command->add_flag("--finisher", arguments->finisher,
                    "only a copy of the trained network that makes a member in one evaluation; 10 "
                    "minutes unless said otherwise");
  command
      ->add_option("--evaluations", arguments->evaluations,
                   "of --finisher: 1, or 2 for members in two evaluations as well")
      ->capture_default_str();
  command
      ->add_option("--key", arguments->key,
                   "of --informed and --finisher: how similar situations are found")
      ->capture_default_str();
  command->add_flag("--no-retrieval", arguments->no_retrieval,
                    "of --finisher: it sees nothing but the context");
  command->add_flag("--described-places", arguments->request.described_places,
                    "the network is told facts about its places in place of learning an embedding "
                    "for each: skipcast transfer can take it to other places");
  command->add_flag("--resume", arguments->request.resume, "go on from the last checkpoint");
  add_compute_flags(*command, arguments->compute);
  add_threads_option(*command, arguments->request.threads);
  add_json_flag(*command, invocation);
  command->callback([arguments, &invocation] {
    invocation.run = [arguments, &invocation] { return run_train(*arguments, invocation); };
  });
}

}  // namespace skipcast::tools
