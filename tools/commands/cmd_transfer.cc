// skipcast transfer: puts the network of one archive to work on another with other places.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/archive/transfer.h"
#include "tools/commands/cli.h"

namespace skipcast::tools {
namespace {

struct TransferArguments {
  std::string from, to;
  engine::TransferRequest request;
};

void print(const engine::TransferReport& report, const std::string& task, bool json) {
  if (json) {
    const nlohmann::json value = {{"task", task},
                                  {"model", report.model_path},
                                  {"places", report.places},
                                  {"places_trained_on", report.seen},
                                  {"copies", report.copies},
                                  {"seconds", report.seconds},
                                  {"validation_crps_normalised", report.validation_crps}};
    print_json(value);
    return;
  }
  fmt::print("transferred {}: {} places, {} of them among those trained on\n", task, report.places,
             report.seen);
  for (const std::string& copy : report.copies) fmt::print("copy      {}\n", copy);
  fmt::print("model     {} (fair CRPS on validation {:.4f} in normalised units)\n",
             report.model_path, report.validation_crps);
  fmt::print("note      tune it here: skipcast tune\n");
}

Status run_transfer(const TransferArguments& arguments, const Invocation& invocation) {
  const engine::TransferRequest& request = arguments.request;
  SKIPCAST_TRY_OK(use_threads(request.threads));
  SKIPCAST_TRY(const auto from, open_archive(arguments.from, storage::OpenMode::kReadOnly));
  SKIPCAST_TRY(const auto to, open_archive(arguments.to, storage::OpenMode::kReadOnly));
  const auto report = engine::transfer(*from, *to, request);
  if (!report.ok()) return suggest_task(*to, request.task, report.status());
  print(*report, request.task, invocation.json);
  return {};
}

}  // namespace

void add_transfer(CLI::App& program, Invocation& invocation) {
  auto arguments = std::make_shared<TransferArguments>();
  engine::TransferRequest& request = arguments->request;
  CLI::App* command = program.add_subcommand(
      "transfer", "Put the network of one archive to work on another with other places");
  command
      ->add_option("FROM", arguments->from,
                   "the archive whose task was trained with --described-places")
      ->required();
  command->add_option("TO", arguments->to, "the archive that gets the model")->required();
  command->add_option("--task", request.task, "name of the task, in both archives")->required();
  command->add_flag("--replace", request.replace, "replace the model that TO has of this task");
  command->add_flag("--allow-overlap", request.allow_overlap,
                    "although the network was trained on times that TO holds out: forecasts are "
                    "sound, scores of the past are flattered");
  add_threads_option(*command, request.threads);
  add_json_flag(*command, invocation);
  command->callback([arguments, &invocation] {
    invocation.run = [arguments, &invocation] { return run_transfer(*arguments, invocation); };
  });
}

}  // namespace skipcast::tools
