// The command-line options that say how a forecast is made, shared by subcommands.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "engine/forecast/forecaster.h"
#include "storage/status.h"

namespace CLI {
class App;
}

namespace skipcast::tools {

struct ForecastFlags {
  std::string start = "analog", key = "context", alignment = "offset", archive = "growing";
  std::string solver = "dpmpp_2m", spacing = "karras", preset;
  double mix = 0.5;
  double decay = std::numeric_limits<double>::infinity();
  int64_t separation = 1, pool = 0, steps = 4, members = 32, member_batch = 0;
  std::optional<double> temperature;
  double cold_share = 0, spread = 0;
  double exit_tolerance = 0;
  std::optional<double> retrieval_weight;
  bool mismatched_retrieval = false;
  double guidance = 0, guidance_bandwidth = engine::ForecastOptions().guidance_bandwidth;
  std::vector<double> inflation;
  int64_t redi_key_step = 1, redi_neighbours = 1, cycle = 1, rolls = 3;
  uint64_t seed = 1;
  std::optional<double> entry_sigma, skip_frac, noise_amount, noise_scale, rho;
  std::vector<double> sigmas;
  std::optional<int64_t> skip_steps;
};

// Declares all of them on a subcommand, with their defaults in the help text.
void add_forecast_flags(CLI::App& command, ForecastFlags& flags);

// How analogs become a start: alignment, decay, mix, separation, pool, temperature, shares.
void add_alignment_flags(CLI::App& command, ForecastFlags& flags);
// The solver and its noise alone.
void add_solver_flags(CLI::App& command, ForecastFlags& flags);

// kUsage lists the words that would do. A preset decides start, solver, steps and levels.
Result<engine::ForecastOptions> forecast_options(const ForecastFlags& flags);

// True when an option was given that a policy or preset decides itself; its name goes to `option`.
bool decides_depth(const CLI::App& command, std::string* option);

}  // namespace skipcast::tools
