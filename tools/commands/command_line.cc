#include "tools/commands/command_line.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <sstream>
#include <vector>

#include "tools/terminal/suggest.h"

namespace skipcast::tools {

using AddCommand = void(CLI::App& program, Invocation& invocation);
// A command: its file cmd_<name>.cc, which defines add_<name>(), and its name here and below.
AddCommand add_ingest, add_inspect, add_verify, add_archive_commands, add_train, add_distill,
    add_adapt, add_train_metric, add_transfer, add_forecast, add_evaluate, add_compare, add_tune,
    add_report, add_doctor;

namespace {

// In the order of --help.
constexpr AddCommand* kCommands[] = {add_ingest,   add_inspect,  add_verify,   add_archive_commands,
                                     add_train,    add_distill,  add_adapt,    add_train_metric,
                                     add_transfer, add_forecast, add_evaluate, add_compare,
                                     add_tune,     add_report,   add_doctor};

void declare(CLI::App& program, Invocation& invocation) {
  program.set_version_flag("--version", "skipcast " SKIPCAST_VERSION);
  program.require_subcommand(0, 1);
  program.fallthrough(false);
  program.footer(
      "Start with:  skipcast ingest city.skc --recipe recipe.json *.csv.gz\n"
      "             skipcast train city.skc --task NAME\n"
      "             skipcast forecast city.skc --task NAME --out f.nc --plot f.png");
  for (AddCommand* const add : kCommands) add(program, invocation);
}

// Without those that are hidden.
std::vector<std::string> subcommand_names(const CLI::App& program) {
  std::vector<std::string> names;
  for (const CLI::App* command : program.get_subcommands({})) {
    if (!command->get_group().empty()) names.push_back(command->get_name());
  }
  return names;
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// The subcommand that was named, or the program itself.
const CLI::App& active(const CLI::App& program) {
  const auto parsed = program.get_subcommands();
  return parsed.empty() ? program : *parsed.front();
}

std::string help_hint(const CLI::App& program) {
  const CLI::App& command = active(program);
  return &command == &program ? " (skipcast --help)"
                              : fmt::format(" (skipcast {} --help)", command.get_name());
}

Status explain(const CLI::App& program, const CLI::ParseError& error) {
  const std::vector<std::string> extra = program.remaining(true);
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr || extra.empty()) {
    std::string text = error.what();
    while (!text.empty() && (text.back() == '\n' || text.back() == '.')) text.pop_back();
    return usage(text + help_hint(program));
  }
  const std::string word = extra.front().substr(0, extra.front().find('='));
  const bool option = word.starts_with("-");
  const std::string near = option ? did_you_mean(word, option_names(active(program))) : "";
  return usage(fmt::format("{} '{}' is not known here.{}{}", option ? "the option" : "the word",
                           extra.front(), near, help_hint(program)));
}

// A first word that is no subcommand; CLI11 would only call it unexpected.
Status check_subcommand(const CLI::App& program, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return {};
  const auto all = program.get_subcommands({});
  const auto named = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
  if (std::any_of(all.begin(), all.end(), named)) return {};
  const std::vector<std::string> names = subcommand_names(program);
  std::string list;
  for (const std::string& name : names) {
    list += (list.empty() ? "" : ", ") + name;
  }
  return usage(fmt::format("there is no subcommand '{}'.{} There are: {}", argv[1],
                           did_you_mean(argv[1], names), list));
}

}  // namespace

std::shared_ptr<CLI::App> declare_program(Invocation& invocation) {
  auto program = std::make_shared<CLI::App>(
      "Fast, calibrated ensemble forecasts from an archive of past states.", "skipcast");
  declare(*program, invocation);
  return program;
}

Status parse_words(CLI::App& program, int argc, char** argv, std::string& text) {
  SKIPCAST_TRY_OK(check_subcommand(program, argc, argv));
  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& wish) {  // --help, --version
    std::ostringstream out;
    program.exit(wish, out, out);
    text = out.str();
    return {};
  } catch (const CLI::ParseError& error) {
    return explain(program, error);
  }
  return {};
}

}  // namespace skipcast::tools
