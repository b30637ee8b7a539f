#include "tools/commands/forecast_flags.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "engine/forecast/alignment.h"
#include "engine/forecast/start_table.h"
#include "engine/keys/key_table.h"
#include "engine/settings/presets.h"

namespace skipcast::tools {
namespace {

constexpr const char* kPolicyDecides[] = {"--start",
                                          "--key",
                                          "--mix",
                                          "--alignment",
                                          "--decay",
                                          "--pool",
                                          "--temperature",
                                          "--cold-share",
                                          "--start-spread",
                                          "--redi-key-step",
                                          "--redi-neighbours",
                                          "--cycle",
                                          "--rolls",
                                          "--entry-sigma",
                                          "--skip-frac",
                                          "--skip-steps",
                                          "--sigmas",
                                          "--steps",
                                          "--solver",
                                          "--noise-amount",
                                          "--noise-scale",
                                          "--exit-tolerance",
                                          "--retrieval-weight",
                                          "--guidance",
                                          "--guidance-bandwidth",
                                          "--inflation",
                                          "--spacing",
                                          "--rho"};

void add_start_flags(CLI::App& command, ForecastFlags& flags) {
  command
      .add_option("--start", flags.start,
                  "what the chain starts from: cold, analog, dress (analog, residual "
                  "alignment), mean, redi (the published method), previous (the cycle "
                  "before), or the blind controls random, mismatched and persist")
      ->capture_default_str();
  command
      .add_option("--key", flags.key,
                  "how analogs are found: by the context, by the network's mean forecast of it "
                  "(forecast), mixed, or by the metric of train-metric (metric)")
      ->capture_default_str();
  add_alignment_flags(command, flags);
  command
      .add_option("--archive", flags.archive,
                  "where analogs come from: growing (all that ended by the init time) or frozen "
                  "(the training part)")
      ->capture_default_str();
}

void add_depth_flags(CLI::App& command, ForecastFlags& flags) {
  command.add_option("--entry-sigma,--start-sigma", flags.entry_sigma,
                     "skip depth: the noise level at which the chain is entered");
  command.add_option("--skip-frac", flags.skip_frac,
                     "skip depth: share of the steps that is not run, 0 <= f < 1");
  command.add_option("--skip-steps", flags.skip_steps,
                     "skip depth: how many first steps are not run");
  command
      .add_option("--sigmas", flags.sigmas,
                  "skip depth and steps: the very noise levels, descending: 5,1.2,0.3")
      ->delimiter(',')
      ->allow_extra_args(false);
  command.add_option("--steps", flags.steps, "solver steps; 0 = the start itself is the forecast")
      ->capture_default_str();
  command.add_option("--spacing", flags.spacing, "of the levels: karras, log, vp or cosine")
      ->capture_default_str();
  command.add_option("--rho", flags.rho, "of Karras' levels; default: the task's");
  command.add_option("--preset", flags.preset,
                     "a sampler by its name, from a cold start: " + engine::preset_names());
}

}  // namespace

void add_alignment_flags(CLI::App& command, ForecastFlags& flags) {
  command.add_option("--mix", flags.mix, "weight of the context in the mixed key")
      ->capture_default_str();
  command
      .add_option("--alignment", flags.alignment,
                  "how an analog's future is moved to today: none, offset, residual, half")
      ->capture_default_str();
  command
      .add_option("--decay", flags.decay,
                  "lead times after which the offset has faded to 1/e; inf = never")
      ->capture_default_str();
  command.add_option("--separation", flags.separation, "least distance of two analogs, in states")
      ->capture_default_str();
  command
      .add_option("--pool", flags.pool,
                  "nearest analogs that members are assigned from; 0 = one a member")
      ->capture_default_str();
  command.add_option("--temperature", flags.temperature,
                     "draw from the pool with weight exp(-distance / (temperature * mean "
                     "distance)); default: each in turn");
  command.add_option("--cold-share", flags.cold_share, "share of the members that start cold")
      ->capture_default_str();
  command
      .add_option("--cycle", flags.cycle,
                  "of --start previous: states between one forecast and the next")
      ->capture_default_str();
  command
      .add_option("--rolls", flags.rolls,
                  "of --start previous: earlier cycles made, the first one from analogs")
      ->capture_default_str();
  command
      .add_option("--redi-key-step", flags.redi_key_step,
                  "of --start redi: the key is the state after so many of all steps")
      ->capture_default_str();
  command
      .add_option("--redi-neighbours", flags.redi_neighbours,
                  "of --start redi: stored trajectories that a member combines")
      ->capture_default_str();
  command
      .add_option("--start-spread", flags.spread,
                  "widens the start by so many standard deviations of the mean forecast's error")
      ->capture_default_str();
}

void add_solver_flags(CLI::App& command, ForecastFlags& flags) {
  command.add_option("--solver", flags.solver, "one of " + engine::solver_names())
      ->capture_default_str();
  command
      .add_option("--exit-tolerance", flags.exit_tolerance,
                  "a member is done when its last two estimates differ by no more than this "
                  "(root mean square, target units); 0 = never")
      ->capture_default_str();
  command.add_option("--retrieval-weight", flags.retrieval_weight,
                     "how much the network is told of what happened after similar situations: 0 = "
                     "nothing (the default), 1 = as in training, of a network of train "
                     "--informed or of a finisher");
  command.add_flag("--shuffled-retrieval", flags.mismatched_retrieval,
                   "blind control: it is told of, or guided by, what happened after another "
                   "situation");
  command
      .add_option("--guidance", flags.guidance,
                  "how far the chain is drawn towards a kernel density of the futures of the "
                  "nearest analogs, found by --key and moved by --alignment: 0 to 1")
      ->capture_default_str();
  command
      .add_option("--guidance-bandwidth", flags.guidance_bandwidth,
                  "standard deviation of its kernels, in target units")
      ->capture_default_str();
  command
      .add_option("--inflation", flags.inflation,
                  "calibration: factor on every member's distance from the ensemble mean; "
                  "several are spread over the lead times: 0.9,1.2")
      ->delimiter(',')
      ->allow_extra_args(false);
  command.add_option("--noise-amount", flags.noise_amount,
                     "of a stochastic solver: eta (ddim, dpmpp_2m_sde, gms), S_churn (*_churn), "
                     "tau (sa_*), repeats (restart_*)");
  command.add_option("--noise-scale", flags.noise_scale,
                     "of a stochastic solver: standard deviation of its noise (S_noise)");
}

void add_forecast_flags(CLI::App& command, ForecastFlags& flags) {
  add_start_flags(command, flags);
  add_depth_flags(command, flags);
  add_solver_flags(command, flags);
  command.add_option("--members", flags.members, "members of the ensemble")->capture_default_str();
  command.add_option("--member-batch", flags.member_batch,
                     "members computed at once, for little memory; 0 = all. Never changes a bit");
  command.add_option("--seed", flags.seed, "of all randomness")->capture_default_str();
}

Result<engine::ForecastOptions> forecast_options(const ForecastFlags& flags) {
  engine::ForecastOptions options;
  const bool dress = flags.start == "dress";
  SKIPCAST_TRY(options.start.kind, engine::start_from(dress ? "analog" : flags.start));
  SKIPCAST_TRY(options.start.key, engine::key_from(flags.key));
  SKIPCAST_TRY(options.start.alignment,
               engine::alignment_from(dress ? "residual" : flags.alignment));
  SKIPCAST_TRY(options.archive, engine::archive_from(flags.archive));
  options.start.key_mix = flags.mix;
  options.start.decay_tau = flags.decay;
  options.start.separation = flags.separation;
  options.start.pool = flags.pool;
  options.start.temperature = flags.temperature;
  options.start.cold_share = flags.cold_share;
  options.start.added_noise = flags.spread;
  options.start.cycle = flags.cycle;
  options.start.rolls = flags.rolls;
  options.start.redi_key_step = flags.redi_key_step;
  options.start.redi_neighbours = flags.redi_neighbours;
  options.depth = {.entry_sigma = flags.entry_sigma,
                   .skip_fraction = flags.skip_frac,
                   .skip_steps = flags.skip_steps,
                   .sigmas = flags.sigmas};
  options.steps = flags.sigmas.empty() ? flags.steps : static_cast<int64_t>(flags.sigmas.size());
  options.solver = flags.solver;
  options.noise_amount = flags.noise_amount;
  options.noise_scale = flags.noise_scale;
  SKIPCAST_TRY(options.spacing, engine::spacing_from(flags.spacing));
  options.rho = flags.rho;
  options.retrieval_weight = flags.retrieval_weight;
  options.mismatched_retrieval = flags.mismatched_retrieval;
  options.guidance = flags.guidance;
  options.guidance_bandwidth = flags.guidance_bandwidth;
  options.inflation = flags.inflation;
  options.exit_tolerance = flags.exit_tolerance;
  options.members = flags.members;
  options.member_batch = flags.member_batch;
  options.seed = flags.seed;
  if (!flags.preset.empty()) return engine::preset_options(flags.preset, options);
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
