// The skipcast program: parses the command line, runs one subcommand, prints one sentence when it
// fails, and exits with 0, 1 (data), 2 (usage) or 130 (interrupted). Never a stack trace.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/commands/command_line.h"
#include "tools/terminal/interrupt.h"
#include "tools/terminal/output.h"

namespace skipcast::tools {
namespace {

int report(Status status, const Invocation& invocation) {
  if (status.ok()) status = flush_answer();
  if (status.ok()) return 0;
  if (invocation.json && !invocation.answered) {
    const nlohmann::json error = {{"code", code_name(status.code())},
                                  {"message", status.message()}};
    print_json(nlohmann::json{{"error", error}});
  }
  static_cast<void>(flush_answer());  // the failure to tell is the first one
  say(fmt::format("skipcast: {}\n", status.message()));
  return exit_code(status);
}

int run(int argc, char** argv) {
  Invocation invocation{.command_line = command_line_text(argc, argv)};
  const std::shared_ptr<CLI::App> program = declare_program(invocation);
  std::string text;
  const Status status = parse_words(*program, argc, argv, text);
  if (!status.ok()) return report(status, invocation);
  if (!text.empty()) {
    fmt::print("{}", text);
    return report({}, invocation);
  }
  if (!invocation.run) {
    say(program->help());
    return exit_code(usage(""));
  }
  watch_for_interrupt();
  return report(invocation.run(), invocation);
}

// Last resort for what a library threw past its adapter: its first line, not its stack.
int report_exception(const std::exception& error) {
  const Status answer = flush_answer();
  const std::string text = error.what();
  say(answer.ok()
          ? fmt::format(
                "skipcast: unexpected failure: {} (please report it with the command line)\n",
                text.substr(0, text.find('\n')))
          : fmt::format("skipcast: {}\n", answer.message()));
  return 1;
}

}  // namespace
}  // namespace skipcast::tools

int main(int argc, char** argv) {
  skipcast::tools::guard_streams();
  try {
    return skipcast::tools::run(argc, argv);
  } catch (const std::bad_alloc&) {
    skipcast::tools::say("skipcast: out of memory; ask for fewer members or a smaller network\n");
    return 1;
  } catch (const std::exception& error) {
    return skipcast::tools::report_exception(error);
  }
}
