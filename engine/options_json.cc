#include "engine/options_json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

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

json options_json(const ForecastOptions& options) {
  const StartOptions& start = options.start;
  return {{"start", word(start.kind)},
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
}

Result<ForecastOptions> options_from_json(const json& object) {
  ForecastOptions options;
  StartOptions& start = options.start;
  SKIPCAST_TRY(start.kind, start_from(object.at("start").get<std::string>()));
  SKIPCAST_TRY(start.key, key_from(object.at("key").get<std::string>()));
  SKIPCAST_TRY(start.alignment, alignment_from(object.at("alignment").get<std::string>()));
  object.at("key_mix").get_to(start.key_mix);
  start.decay_tau = optional_from<double>(object.at("decay_tau"))
                        .value_or(std::numeric_limits<double>::infinity());
  object.at("separation").get_to(start.separation);
  options.depth.entry_sigma = optional_from<double>(object.at("entry_sigma"));
  options.depth.skip_fraction = optional_from<double>(object.at("skip_fraction"));
  options.depth.skip_steps = optional_from<int64_t>(object.at("skip_steps"));
  object.at("steps").get_to(options.steps);
  object.at("solver").get_to(options.solver);
  return options;
}

}  // namespace skipcast::engine
