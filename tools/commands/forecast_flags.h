// The command-line options that say how a forecast is made, shared by subcommands: those of the
// setting come from its table (engine/settings/setting_table.h).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/settings/setting_table.h"
#include "storage/status.h"

namespace CLI {
class App;
}

namespace skipcast::tools {

struct ForecastFlags {
  engine::Setting setting;
  engine::ForecastRequest request;
  std::string archive = "growing", preset;
  bool dressed = false;  // --start dress: analogs in residual alignment
  Status wrong;          // of a word that is none, found while parsing
};

// Options declared from here on are shown under this title by --help.
void begin_group(CLI::App& command, engine::Group group);

// Declares all of them on a subcommand, with their defaults in the help text.
void add_forecast_flags(CLI::App& command, ForecastFlags& flags);
// Those of the setting alone, without some (by their flag).
void add_setting_flags(CLI::App& command, ForecastFlags& flags,
                       std::span<const std::string_view> without = {});
// --archive, --member-batch, --members and --seed.
void add_request_flags(CLI::App& command, ForecastFlags& flags);

// Sets the start as --start does: "dress" is a word for it as well.
void set_start(std::string_view word, ForecastFlags& flags);

// kUsage lists the words that would do, or names the flag that is out of range. A preset decides
// start, solver, steps and levels.
Result<engine::ForecastOptions> forecast_options(const ForecastFlags& flags);

// True when an option was given that a policy or preset decides itself; its name goes to `option`.
bool decides_depth(const CLI::App& command, std::string* option);
// "--mix has no effect here: it goes with --key mixed", for every flag given in vain.
std::vector<std::string> idle_flags(const CLI::App& command, const engine::Setting& setting);

}  // namespace skipcast::tools
