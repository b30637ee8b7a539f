#include "engine/forecast/network_choice.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "engine/data/retrieved_futures.h"
#include "engine/forecast/denoiser_stack.h"
#include "engine/forecast/start_table.h"
#include "engine/keys/key_table.h"

namespace skipcast::engine {

Result<NetworkChoice> choose_network(const Model& model, const Chain& chain,
                                     const ForecastOptions& options) {
  NetworkChoice choice = {.weight = options.retrieval_weight.value_or(0)};
  const CopyKind* kind = copy_for(options);
  if (kind == nullptr) return choice;
  if (options.steps == 0 && choice.weight > 0) {
    return usage(
        "without a chain there is no network to condition on retrieved futures: leave "
        "--retrieval-weight out");
  }
  SKIPCAST_TRY(choice.copy, model.copy(kind->name));
  const CopyInfo& info = choice.copy->info;
  if (kind->counted && evaluations(chain) > info.evaluations) {
    return refused(
        fmt::format("the {} network of task {} was trained for {} evaluation{}, not {}: "
                    "lower --steps, or train it again with --evaluations",
                    kind->name, model.task().name, info.evaluations,
                    info.evaluations == 1 ? "" : "s", evaluations(chain)));
  }
  if (choice.weight > 0 && !info.retrieval) {
    return refused(
        fmt::format("the {} network of task {} was trained without retrieval: leave "
                    "--retrieval-weight out, or train it again",
                    kind->name, model.task().name));
  }
  return choice;
}

ForecastOptions lookup_options(const CopyInfo& info, const ForecastOptions& options) {
  ForecastOptions lookup = options;
  lookup.start = {
      .kind = options.mismatched_retrieval ? StartKind::kMismatched : StartKind::kAnalog,
      .key_mix = info.key_mix};
  const Result<KeyKind> key = key_from(info.key);
  SKIPCAST_CHECK(key.ok());  // checked by whoever trained the copy
  lookup.start.key = *key;
  lookup.members = info.neighbours;
  return lookup;
}

bool needs_mean(const NetworkChoice& choice, const ForecastOptions& options) {
  const bool for_copy = choice.weight > 0 && choice.copy->info.key != word(KeyKind::kContext);
  if (needs_mean(options.start) || for_copy) return true;
  const std::vector<ForecastOptions> searches = searches_of_stack(options);
  return std::any_of(searches.begin(), searches.end(),
                     [](const ForecastOptions& each) { return needs_mean(each.start); });
}

samplers::Denoiser denoiser_for(const Dataset& dataset, const Model& model, const Query& query,
                                const NetworkChoice& choice,
                                const std::vector<retrieval::Neighbour>& analogs) {
  SKIPCAST_CHECK(choice.copy != nullptr);
  if (choice.weight == 0) return choice.copy->condition(query.context, nullptr);
  const TargetSpace* target = model.target_space();
  SKIPCAST_CHECK(target != nullptr && !analogs.empty());
  const double scale = choice.copy->info.distance_scale;
  RetrievedBatch retrieved = retrieved_batch(dataset, *target, {&query.origin, 1}, analogs, scale);
  retrieved.weight.fill_(choice.weight);
  return choice.copy->condition(query.context, &retrieved);
}

std::string describe(const NetworkChoice& choice, const ForecastOptions& options) {
  SKIPCAST_CHECK(choice.copy != nullptr);
  const CopyInfo& info = choice.copy->info;
  if (choice.weight == 0) return fmt::format("{} network, without retrieved futures", info.kind);
  return fmt::format("{} network, conditioned on {} {} futures ({} key) with weight {:g}",
                     info.kind, info.neighbours,
                     options.mismatched_retrieval ? "mismatched" : "retrieved", info.key,
                     choice.weight);
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
  for (const DenoiserWrapper& wrapper : wrappers_for(options)) {
    made.push_back(wrapper.remark(options));
  }
  if (!options.inflation.empty()) {
    made.push_back(fmt::format("members' distances from their mean times {:g}, over the lead times",
                               fmt::join(options.inflation, ", ")));
  }
  return made;
}

}  // namespace skipcast::engine
