#include "engine/forecast/query.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

namespace skipcast::engine {

Status check_origin(const Dataset& dataset, int64_t origin) {
  const storage::WindowSpec& spec = dataset.task().spec;
  const storage::TimeAxis& axis = dataset.store().schema().axis;
  const auto time_of = [&axis](int64_t state) { return storage::format_time(axis.time_at(state)); };
  const int64_t states = dataset.states();
  if (origin >= states) {
    return not_found(
        fmt::format("{} is after the archive's last state {}: ingest newer states, "
                    "or take an earlier time",
                    time_of(origin), time_of(states - 1)));
  }
  if (origin - spec.context_states + 1 < 0) {
    return not_found(fmt::format(
        "{} has no context: {} states up to it are needed and the archive "
        "begins at {}; the first forecast can start at {}",
        time_of(origin), spec.context_states, time_of(0), time_of(spec.context_states - 1)));
  }
  if (!axis.contiguous(origin - spec.context_states + 1, origin + spec.future_states)) {
    return bad_input(
        fmt::format("a forecast from {} would cross a calendar break: its {} states "
                    "of context and {} of future must lie in one session",
                    time_of(origin), spec.context_states, spec.future_states));
  }
  return {};
}

Result<Query> query_at(const Dataset& dataset, int64_t origin) {
  SKIPCAST_TRY_OK(check_origin(dataset, origin));
  Query query = {.origin = origin, .time_s = dataset.store().schema().axis.time_at(origin)};
  query.context = dataset.contexts({&origin, 1});
  if (query.context.mask.sum().item<double>() == 0) {
    return bad_input(fmt::format("nothing was observed in the {} states up to {}: no forecast",
                                 dataset.task().spec.context_states,
                                 storage::format_time(query.time_s)));
  }
  query.last = query.context.last[0];
  return query;
}

const std::vector<samplers::Denoiser>& base_of(const Model& model, Query& query) {
  for (auto i = static_cast<int64_t>(query.base.size()); i < model.networks(); ++i) {
    query.base.push_back(model.condition_by(i, query.context));
  }
  return query.base;
}

void evaluate_mean(const Model& model, Query& query) {
  if (query.mean.defined()) return;
  const at::Tensor zero = at::zeros(model.state_shape(), query.last.options()).unsqueeze(0);
  at::Tensor mean;
  for (const samplers::Denoiser& denoise : base_of(model, query)) {
    const at::Tensor one =
        model.from_target(denoise(zero, model.task().schedule.sigma_max), query.last)[0];
    mean = mean.defined() ? mean + one : one;
  }
  query.mean = model.networks() == 1 ? mean : mean / double(model.networks());
}

}  // namespace skipcast::engine
