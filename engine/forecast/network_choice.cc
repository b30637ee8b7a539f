#include "engine/forecast/network_choice.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/data/retrieved_futures.h"

namespace skipcast::engine {

std::optional<Role> role_of(const Setting& setting) {
  const auto solver = samplers::find_solver(setting.solver);
  if (solver && solver->needs_one_step) return Role::kOneStep;
  if (setting.retrieval_weight.value_or(0) > 0) return Role::kConditioned;
  return std::nullopt;
}

Result<NetworkChoice> choose_network(const Model& model, const Chain& chain,
                                     const ForecastOptions& options) {
  NetworkChoice told = {.role = role_of(options), .weight = options.retrieval_weight.value_or(0)};
  if (!told.role) return told;
  if (options.steps == 0 && told.weight > 0) {
    return usage(
        "without a chain there is no network to tell of retrieved futures: leave "
        "--retrieval-weight out");
  }
  SKIPCAST_TRY_OK(model.has_role(*told.role));
  const RoleInfo& info = model.role_info(*told.role);
  if (told.role == Role::kOneStep) {
    if (evaluations(chain) > info.evaluations) {
      return refused(
          fmt::format("the finisher of task {} was trained for {} evaluation{}, not {}: "
                      "lower --steps, or train it again with --evaluations",
                      model.task().name, info.evaluations, info.evaluations == 1 ? "" : "s",
                      evaluations(chain)));
    }
  }
  if (told.weight > 0 && !info.retrieval) {
    return refused(
        fmt::format("the {} network of task {} was trained without retrieval: leave "
                    "--retrieval-weight out, or train it again",
                    word(*told.role), model.task().name));
  }
  return told;
}

ForecastOptions lookup_options(const RoleInfo& info, const ForecastOptions& options) {
  ForecastOptions lookup = options;
  lookup.start = {
      .kind = options.mismatched_retrieval ? StartKind::kMismatched : StartKind::kAnalog,
      .key_mix = info.key_mix};
  const Result<KeyKind> key = key_from(info.key);
  SKIPCAST_CHECK(key.ok());  // told by whoever trained the copy
  lookup.start.key = *key;
  lookup.members = info.neighbours;
  return lookup;
}

ForecastOptions guide_options(const ForecastOptions& options) {
  ForecastOptions guides = options;
  guides.start.kind = options.mismatched_retrieval ? StartKind::kMismatched : StartKind::kAnalog;
  guides.start.pool = 0;
  guides.start.temperature.reset();
  guides.members = kGuides;
  return guides;
}

bool needs_mean(const Model& model, const NetworkChoice& told, const ForecastOptions& options) {
  const bool for_copy =
      told.weight > 0 && model.role_info(*told.role).key != word(KeyKind::kContext);
  const bool for_guides = options.guidance > 0 && needs_mean(guide_options(options).start);
  return needs_mean(options.start) || for_copy || for_guides;
}

samplers::Denoiser denoiser_for(const Dataset& dataset, const Model& model, const Query& query,
                                const NetworkChoice& told,
                                const std::vector<retrieval::Neighbour>& analogs) {
  if (!told.role) return model.condition(query.context);
  if (told.weight == 0) return model.condition_as(*told.role, query.context, nullptr);
  const TargetSpace* target = model.target_space();
  SKIPCAST_CHECK(target != nullptr && !analogs.empty());
  const RoleInfo& info = model.role_info(*told.role);
  RetrievedBatch retrieved =
      retrieved_batch(dataset, *target, {&query.origin, 1}, analogs, info.distance_scale);
  retrieved.weight.fill_(told.weight);
  return model.condition_as(*told.role, query.context, &retrieved);
}

std::string describe(const Model& model, const NetworkChoice& told,
                     const ForecastOptions& options) {
  if (told.weight == 0) return fmt::format("{} network, told of no futures", word(*told.role));
  const RoleInfo& info = model.role_info(*told.role);
  return fmt::format("{} network, told of {} {} futures ({} key) with weight {:g}",
                     word(*told.role), info.neighbours,
                     options.mismatched_retrieval ? "of another situation's" : "retrieved",
                     info.key, told.weight);
}

std::vector<std::string> remarks(const Model& model, const Chain& chain,
                                 const ForecastOptions& options) {
  std::vector<std::string> made;
  const Compute& compute = model.compute();
  if (!compute.device.is_cpu() || compute.precision != Precision::kFloat32) {
    made.push_back("computed on " + describe(compute));
  }
  const double sigma_max = model.task().schedule.sigma_max;
  if (options.start.kind == StartKind::kCold && chain.entry.sigma < sigma_max) {
    made.push_back(fmt::format(
        "a cold start entered at sigma {:g} instead of {:g}: noise about {}", chain.entry.sigma,
        sigma_max, model.task().residual ? "the last observation" : "the normal state"));
  }
  if (options.guidance > 0) {
    made.push_back(fmt::format(
        "guided towards the futures of {} {} with weight {:g}, bandwidth "
        "{:g}",
        kGuides, options.mismatched_retrieval ? "analogs of another situation" : "analogs",
        options.guidance, options.guidance_bandwidth));
  }
  if (!options.inflation.empty()) {
    made.push_back(fmt::format("members' distances from their mean times {:g}, over the lead times",
                               fmt::join(options.inflation, ", ")));
  }
  return made;
}

}  // namespace skipcast::engine
