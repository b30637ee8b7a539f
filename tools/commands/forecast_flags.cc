#include "tools/commands/forecast_flags.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <type_traits>

#include "engine/forecast/start_table.h"
#include "engine/settings/presets.h"

namespace skipcast::tools {
namespace {

using engine::Group;
using engine::Knob;

void set_word(const engine::WordField& field, const Knob& knob, const std::string& word,
              ForecastFlags& flags) {
  if (knob.key == "start") return set_start(word, flags);
  const Status done = field.set(flags.setting, word);
  if (!done.ok() && flags.wrong.ok()) flags.wrong = done;
}

// One option by this name, which writes the knob's value.
CLI::Option* declare(CLI::App& command, const Knob& knob, const std::string& flag,
                     ForecastFlags& flags) {
  const std::string help = std::string(knob.help) + (knob.choices ? knob.choices() : "");
  return std::visit(
      [&](const auto& field) -> CLI::Option* {
        using Kind = std::decay_t<decltype(field)>;
        if constexpr (std::is_same_v<Kind, engine::WordField>) {
          const auto set = [&flags, &knob, field](const std::string& word) {
            set_word(field, knob, word, flags);
          };
          return command.add_option_function<std::string>(flag, set, help)
              ->default_str(field.get(flags.setting));
        } else if constexpr (std::is_same_v<Kind, engine::Field<bool>>) {
          return command.add_flag(flag, field(flags.setting), help);
        } else if constexpr (std::is_same_v<Kind, engine::Field<std::vector<double>>>) {
          return command.add_option(flag, field(flags.setting), help)
              ->delimiter(',')
              ->allow_extra_args(false);
        } else if constexpr (std::is_arithmetic_v<std::decay_t<decltype(field(flags.setting))>>) {
          return command.add_option(flag, field(flags.setting), help)->capture_default_str();
        } else {
          return command.add_option(flag, field(flags.setting), help);
        }
      },
      knob.field);
}

// "--a,--b" -> {"--a", "--b"}.
std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    names.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return names;
}

// The name under which a knob was given; "" when it was not.
std::string given_as(const CLI::App& command, const Knob& knob) {
  for (const std::string& name : names_in(fmt::format("{},{}", knob.flag, knob.old_flags))) {
    const CLI::Option* option = command.get_option_no_throw(name);
    if (option != nullptr && option->count() > 0) return name;
  }
  return "";
}

}  // namespace

void begin_group(CLI::App& command, Group group) {
  command.option_defaults()->group(engine::title(group));
}

void add_setting_flags(CLI::App& command, ForecastFlags& flags,
                       std::span<const std::string_view> without) {
  std::vector<const Knob*> shown;
  for (const Knob& knob : engine::knobs()) {
    if (std::find(without.begin(), without.end(), knob.flag) == without.end()) {
      shown.push_back(&knob);
    }
  }
  std::stable_sort(shown.begin(), shown.end(),
                   [](const Knob* a, const Knob* b) { return a->group < b->group; });
  for (const Knob* knob : shown) {
    declare(command, *knob, std::string(knob->flag), flags)->group(engine::title(knob->group));
    for (const std::string& old : names_in(knob->old_flags)) {
      declare(command, *knob, old, flags)->group("");  // hidden
    }
  }
}

void add_request_flags(CLI::App& command, ForecastFlags& flags) {
  begin_group(command, Group::kEveryday);
  command.add_option("--members", flags.request.members, "members of the ensemble")
      ->capture_default_str();
  command.add_option("--seed", flags.request.seed, "of all randomness")->capture_default_str();
  command
      .add_option("--archive", flags.archive,
                  "where analogs come from: growing (all that ended by the init time) or frozen "
                  "(the training part)")
      ->capture_default_str()
      ->group(engine::title(Group::kRetrieval));
  command
      .add_option("--member-batch", flags.request.member_batch,
                  "members computed at once, for little memory; 0 = all. Never changes a bit")
      ->group(engine::title(Group::kCompute));
}

void add_forecast_flags(CLI::App& command, ForecastFlags& flags) {
  add_setting_flags(command, flags);
  add_request_flags(command, flags);
  command
      .add_option("--preset", flags.preset,
                  "a sampler by its name, from a cold start: " + engine::preset_names())
      ->group(engine::title(Group::kSolver));
}

void set_start(std::string_view word, ForecastFlags& flags) {
  flags.dressed = word == "dress";
  flags.setting.start.kind = engine::read_start(flags.dressed ? "analog" : word);
}

Result<engine::ForecastOptions> forecast_options(const ForecastFlags& flags) {
  SKIPCAST_TRY_OK(flags.wrong);
  engine::ForecastOptions options = {flags.setting, flags.request};
  SKIPCAST_TRY_OK(engine::check_names(options.start));
  SKIPCAST_TRY(options.archive, engine::archive_from(flags.archive));
  if (flags.dressed) options.start.alignment = engine::Alignment::kResidual;
  const std::vector<double>& sigmas = options.depth.sigmas;
  if (!sigmas.empty()) options.steps = static_cast<int64_t>(sigmas.size());
  SKIPCAST_TRY_OK(check(options));
  if (!flags.preset.empty()) return engine::preset_options(flags.preset, options);
  return options;
}

bool decides_depth(const CLI::App& command, std::string* option) {
  for (const Knob& knob : engine::knobs()) {
    *option = given_as(command, knob);
    if (!option->empty()) return true;
  }
  return false;
}

std::vector<std::string> idle_flags(const CLI::App& command, const engine::Setting& setting) {
  std::vector<std::string> idle;
  for (const Knob& knob : engine::knobs()) {
    const std::string name = given_as(command, knob);
    if (name.empty() || applies(knob, setting)) continue;
    idle.push_back(fmt::format("{} has no effect here: it goes with {}", name, knob.only_with));
  }
  return idle;
}

}  // namespace skipcast::tools
