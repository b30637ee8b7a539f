#include "tools/forecast_flags.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace skipcast::tools {
namespace {

constexpr const char* kPolicyDecides[] = {"--start", "--key", "--mix", "--alignment", "--decay",
                                          "--entry-sigma", "--skip-frac", "--skip-steps", "--steps",
                                          "--solver"};

void add_start_flags(CLI::App& command, ForecastFlags& flags) {
  command.add_option("--start", flags.start,
                     "what the chain starts from: cold, analog, mean, or the blind controls random "
                     "and persist")->capture_default_str();
  command.add_option("--key", flags.key,
                     "how analogs are found: by the context, by the network's mean forecast of it, "
                     "or mixed")->capture_default_str();
  command.add_option("--mix", flags.mix, "weight of the context in the mixed key")
      ->capture_default_str();
  command.add_option("--alignment", flags.alignment,
                     "how an analog's future is moved to today: none, offset, residual, half")
      ->capture_default_str();
  command.add_option("--decay", flags.decay,
                     "lead times after which the offset has faded to 1/e; inf = never")
      ->capture_default_str();
  command.add_option("--separation", flags.separation, "least distance of two analogs, in states")
      ->capture_default_str();
  command.add_option("--archive", flags.archive,
                     "where analogs come from: growing (all that ended by the init time) or frozen "
                     "(the training part)")->capture_default_str();
}

void add_depth_flags(CLI::App& command, ForecastFlags& flags) {
  command.add_option("--entry-sigma,--start-sigma", flags.entry_sigma,
                     "skip depth: the noise level at which the chain is entered");
  command.add_option("--skip-frac", flags.skip_frac,
                     "skip depth: share of the steps that is not run, 0 <= f < 1");
  command.add_option("--skip-steps", flags.skip_steps,
                     "skip depth: how many first steps are not run");
  command.add_option("--steps", flags.steps, "solver steps; 0 = the start itself is the forecast")
      ->capture_default_str();
  command.add_option("--solver", flags.solver, "one of " + engine::solver_names())
      ->capture_default_str();
}

}  // namespace

void add_forecast_flags(CLI::App& command, ForecastFlags& flags) {
  add_start_flags(command, flags);
  add_depth_flags(command, flags);
  command.add_option("--members", flags.members, "members of the ensemble")->capture_default_str();
  command.add_option("--member-batch", flags.member_batch,
                     "members computed at once, for little memory; 0 = all. Never changes a bit");
  command.add_option("--seed", flags.seed, "of all randomness")->capture_default_str();
}

Result<engine::ForecastOptions> forecast_options(const ForecastFlags& flags) {
  engine::ForecastOptions options;
  SKIPCAST_TRY(options.start.kind, engine::start_from(flags.start));
  SKIPCAST_TRY(options.start.key, engine::key_from(flags.key));
  SKIPCAST_TRY(options.start.alignment, engine::alignment_from(flags.alignment));
  SKIPCAST_TRY(options.archive, engine::archive_from(flags.archive));
  options.start.key_mix = flags.mix;
  options.start.decay_tau = flags.decay;
  options.start.separation = flags.separation;
  options.depth = {.entry_sigma = flags.entry_sigma, .skip_fraction = flags.skip_frac,
                   .skip_steps = flags.skip_steps};
  options.steps = flags.steps;
  options.solver = flags.solver;
  options.members = flags.members;
  options.member_batch = flags.member_batch;
  options.seed = flags.seed;
  return options;
}

bool decides_depth(const CLI::App& command, std::string* option) {
  for (const char* name : kPolicyDecides) {
    if (command.count(name) == 0) continue;
    *option = name;
    return true;
  }
  return false;
}

}  // namespace skipcast::tools
