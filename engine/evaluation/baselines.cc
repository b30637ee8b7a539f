#include "engine/evaluation/baselines.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/keys/analog_keys.h"
#include "retrieval/scaling/slots.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kReadStates = 1024;

struct Mean {
  double sum = 0;
  int64_t count = 0;

  void add(float value) {
    if (std::isnan(value)) return;
    sum += value;
    ++count;
  }
  double value_or(double other) const {
    return count > 0 ? sum / static_cast<double>(count) : other;
  }
};

}  // namespace

Result<std::unique_ptr<Baselines>> Baselines::fit(const Forecaster& forecaster) {
  std::unique_ptr<Baselines> baselines(new Baselines(forecaster));
  const storage::TimeAxis& axis = forecaster.store().schema().axis;
  const Dataset& dataset = forecaster.dataset();
  const int64_t states = dataset.states() + dataset.task().spec.future_states;
  for (int64_t state = 0; state < states; ++state) {
    baselines->slots_.push_back(static_cast<int32_t>(retrieval::slot_of_state(axis, state)));
  }
  SKIPCAST_TRY_OK(baselines->sum_slots());
  return baselines;
}

Status Baselines::sum_slots() {
  const storage::SeriesStore& store = forecaster_.store();
  const Task& task = forecaster_.model().task();
  std::vector<int32_t> numbers = variable_numbers(store, task);
  numbers.resize(task.variables.size());
  const int64_t row = static_cast<int64_t>(numbers.size()) * forecaster_.dataset().places();
  const int64_t slots = retrieval::slot_count(store.schema().axis);
  std::vector<Mean> by_slot(slots * row), whole(row);
  std::vector<float> values;
  const int64_t end = std::min(forecaster_.model().split().train_end, store.size());
  for (int64_t first = 0; first < end; first += kReadStates) {
    const int64_t count = std::min(kReadStates, end - first);
    values.resize(count * row);
    SKIPCAST_TRY_OK(store.read(first, count, numbers, values));
    for (int64_t i = 0; i < count * row; ++i) {
      by_slot[slots_[first + i / row] * row + i % row].add(values[i]);
      whole[i % row].add(values[i]);
    }
  }
  for (int64_t i = 0; i < slots * row; ++i) {
    means_.push_back(static_cast<float>(by_slot[i].value_or(whole[i % row].value_or(0))));
  }
  return {};
}

Forecast Baselines::finish(int64_t origin, const at::Tensor& normalised) const {
  Forecast forecast = {.origin = origin, .normalised = normalised};
  forecast.members = forecaster_.dataset().denormalise(normalised, origin);
  return forecast;
}

Result<Forecast> Baselines::persistence(int64_t origin) const {
  const Dataset& dataset = forecaster_.dataset();
  const at::Tensor last = dataset.contexts({&origin, 1}).last[0].cpu();
  // The last *physical* value: a slot climatology in the units must not move it.
  const int64_t states = dataset.task().spec.future_states;
  at::Tensor held = at::empty({1, states, last.size(0), last.size(1)});
  std::vector<float> row(last.size(1));
  for (int64_t v = 0; v < last.size(0); ++v) {
    const at::Tensor values = last[v].contiguous();
    row.assign(values.const_data_ptr<float>(), values.const_data_ptr<float>() + row.size());
    dataset.normalizer().denormalise_one(v, origin, 1, row);
    std::vector<float> repeated;
    for (int64_t l = 0; l < states; ++l) repeated.insert(repeated.end(), row.begin(), row.end());
    dataset.normalizer().normalise_one(v, origin + 1, states, repeated);
    held.select(2, v).copy_(at::from_blob(repeated.data(), {1, states, last.size(1)}));
  }
  return finish(origin, held);
}

Result<Forecast> Baselines::climatology(int64_t origin) const {
  const Dataset& dataset = forecaster_.dataset();
  const int64_t states = dataset.task().spec.future_states, places = dataset.places();
  const auto targets = static_cast<int64_t>(dataset.task().variables.size());
  at::Tensor mean = at::empty({1, states, targets, places});
  for (int64_t v = 0; v < targets; ++v) {
    std::vector<float> values;
    for (int64_t l = 1; l <= states; ++l) {
      const float* from = means_.data() + (slots_[origin + l] * targets + v) * places;
      values.insert(values.end(), from, from + places);
    }
    dataset.normalizer().normalise_one(v, origin + 1, states, values);
    mean.select(2, v).copy_(at::from_blob(values.data(), {1, states, places}));
  }
  return finish(origin, mean);
}

Result<Forecast> Baselines::climatology_ensemble(int64_t origin,
                                                 const ForecastOptions& options) const {
  const Dataset& dataset = forecaster_.dataset();
  const storage::WindowSpec& spec = dataset.task().spec;
  const storage::TimeAxis& axis = forecaster_.store().schema().axis;
  const retrieval::Guard guard = guard_for(forecaster_.model(), options);
  std::vector<int64_t> origins;
  std::vector<retrieval::Neighbour> analogs;
  for (int64_t o = origin - 1; o >= spec.context_states - 1; --o) {
    if (static_cast<int64_t>(origins.size()) == options.members) break;
    if (slots_[o] != slots_[origin] || !retrieval::usable(guard, origin, o)) continue;
    if (axis.contiguous(o - spec.context_states + 1, o + spec.future_states)) origins.push_back(o);
  }
  if (origins.empty()) {
    return not_found(fmt::format("no earlier window at the slot of {} whose future had ended",
                                 storage::format_time(axis.time_at(origin))));
  }
  const auto distinct = static_cast<int64_t>(origins.size());
  for (int64_t member = 0; member < options.members; ++member) {
    if (member >= distinct) origins.push_back(origins[member % distinct]);
    analogs.push_back({origins[member], std::numeric_limits<float>::quiet_NaN()});
  }
  Forecast forecast = finish(origin, dataset.filled_futures(origins).cpu());
  forecast.analogs = std::move(analogs);
  if (distinct < options.members) {
    forecast.notes.push_back(
        fmt::format("{} earlier weeks for {} members: used in turn", distinct, options.members));
  }
  return forecast;
}

}  // namespace skipcast::engine
