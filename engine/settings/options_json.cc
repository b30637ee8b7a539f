#include "engine/settings/options_json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "samplers/solvers/solvers.h"

namespace skipcast::engine {
namespace {

using nlohmann::json;

json optional_json(const auto& value) { return value ? json(*value) : json(nullptr); }

template <typename T>
std::optional<T> optional_from(const json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<T>();
}

}  // namespace

json options_json(const Setting& options) {
  const StartOptions& start = options.start;
  json object = {
      {"start", word(start.kind)},
      {"key", word(start.key)},
      {"key_mix", start.key_mix},
      {"alignment", word(start.alignment)},
      {"decay_tau", std::isfinite(start.decay_tau) ? json(start.decay_tau) : json(nullptr)},
      {"separation", start.separation},
      {"entry_sigma", optional_json(options.depth.entry_sigma)},
      {"skip_fraction", optional_json(options.depth.skip_fraction)},
      {"skip_steps", optional_json(options.depth.skip_steps)},
      {"steps", options.steps},
      {"solver", options.solver}};
  // What is as it always was is left out: older files stay the same, and readable.
  if (start.pool > 0) object["pool"] = start.pool;
  if (start.temperature) object["temperature"] = *start.temperature;
  if (start.cold_share > 0) object["cold_share"] = start.cold_share;
  if (start.added_noise > 0) object["spread"] = start.added_noise;
  if (start.kind == StartKind::kRedi) {
    object["redi_key_step"] = start.redi_key_step;
    object["redi_neighbours"] = start.redi_neighbours;
  }
  if (start.kind == StartKind::kPrevious) {
    object["cycle"] = start.cycle;
    object["rolls"] = start.rolls;
  }
  if (options.noise_amount) object["noise_amount"] = *options.noise_amount;
  if (options.noise_scale) object["noise_scale"] = *options.noise_scale;
  if (options.exit_tolerance > 0) object["exit_tolerance"] = options.exit_tolerance;
  if (options.retrieval_weight) object["retrieval_weight"] = *options.retrieval_weight;
  if (options.mismatched_retrieval) object["mismatched_retrieval"] = true;
  if (options.guidance > 0) {
    object["guidance"] = options.guidance;
    object["guidance_bandwidth"] = options.guidance_bandwidth;
  }
  if (!options.inflation.empty()) object["inflation"] = options.inflation;
  if (options.rho) object["rho"] = *options.rho;
  if (options.spacing != samplers::Spacing::kKarras) object["spacing"] = word(options.spacing);
  if (!options.depth.sigmas.empty()) object["sigmas"] = options.depth.sigmas;
  return object;
}

Result<Setting> options_from_json(const json& object) {
  Setting options;
  StartOptions& start = options.start;
  start.kind = read_start(object.at("start").get<std::string>());
  start.key = read_key(object.at("key").get<std::string>());
  start.alignment = read_alignment(object.at("alignment").get<std::string>());
  object.at("key_mix").get_to(start.key_mix);
  start.decay_tau = optional_from<double>(object.at("decay_tau"))
                        .value_or(std::numeric_limits<double>::infinity());
  object.at("separation").get_to(start.separation);
  options.depth.entry_sigma = optional_from<double>(object.at("entry_sigma"));
  options.depth.skip_fraction = optional_from<double>(object.at("skip_fraction"));
  options.depth.skip_steps = optional_from<int64_t>(object.at("skip_steps"));
  object.at("steps").get_to(options.steps);
  options.solver = samplers::solver_name(object.at("solver").get<std::string>());
  if (object.contains("pool")) object["pool"].get_to(start.pool);
  if (object.contains("temperature")) start.temperature = object["temperature"].get<double>();
  if (object.contains("cold_share")) object["cold_share"].get_to(start.cold_share);
  if (object.contains("redi_key_step")) object["redi_key_step"].get_to(start.redi_key_step);
  if (object.contains("redi_neighbours")) object["redi_neighbours"].get_to(start.redi_neighbours);
  if (object.contains("cycle")) object["cycle"].get_to(start.cycle);
  if (object.contains("rolls")) object["rolls"].get_to(start.rolls);
  if (object.contains("spread")) object["spread"].get_to(start.added_noise);
  if (object.contains("noise_amount")) options.noise_amount = object["noise_amount"].get<double>();
  if (object.contains("noise_scale")) options.noise_scale = object["noise_scale"].get<double>();
  if (object.contains("exit_tolerance")) object["exit_tolerance"].get_to(options.exit_tolerance);
  if (object.contains("retrieval_weight")) {
    options.retrieval_weight = object["retrieval_weight"].get<double>();
  }
  if (object.contains("mismatched_retrieval")) {
    object["mismatched_retrieval"].get_to(options.mismatched_retrieval);
  }
  if (object.contains("guidance")) {
    object["guidance"].get_to(options.guidance);
    object.at("guidance_bandwidth").get_to(options.guidance_bandwidth);
  }
  if (object.contains("inflation")) object["inflation"].get_to(options.inflation);
  if (object.contains("rho")) options.rho = object["rho"].get<double>();
  if (object.contains("sigmas")) object["sigmas"].get_to(options.depth.sigmas);
  if (object.contains("spacing")) {
    SKIPCAST_TRY(options.spacing, spacing_from(object["spacing"].get<std::string>()));
  }
  return options;
}

}  // namespace skipcast::engine
