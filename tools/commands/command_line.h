// The words of a command line: the program's declaration and their parsing. Nothing is run here.
#pragma once

#include <memory>
#include <string>

#include "storage/status.h"
#include "tools/commands/cli.h"

namespace skipcast::tools {

// The program with all its subcommands. Parsing leaves what is to be run in `invocation`, which
// must outlive it.
std::shared_ptr<CLI::App> declare_program(Invocation& invocation);

// Parses the words, argv[0] being the program's name. `text` receives what --help or --version
// ask to be printed. kUsage: one sentence that names the first wrong word, what
// was perhaps meant, and where help is.
Status parse_words(CLI::App& program, int argc, char** argv, std::string& text);

}  // namespace skipcast::tools
