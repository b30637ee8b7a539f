#include "engine/data/dataset.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "engine/data/staging.h"
#include "storage/schema/window.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kReadStates = 1024;  // states read at once, fewer where they are large
constexpr int64_t kReadFloats = int64_t{4} << 20;
constexpr size_t kSlotsOfDay = 48;

std::span<float> floats(at::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}

// sin and cos of the first two harmonics of a phase in [0, 1).
void add_harmonics(double phase, std::vector<float>& row) {
  for (int harmonic = 1; harmonic <= 2; ++harmonic) {
    const double angle = 2 * std::numbers::pi * harmonic * phase;
    row.push_back(static_cast<float>(std::sin(angle)));
    row.push_back(static_cast<float>(std::cos(angle)));
  }
}

// Weights of kSlotsOfDay moments of the day, evenly spread: linear interpolation between the two
// beside the time. A linear layer of them learns any daily course, smooth between the moments.
void add_slots(double day, std::vector<float>& row) {
  const double at = day * kSlotsOfDay;
  const auto before = static_cast<size_t>(at) % kSlotsOfDay;
  const double beyond = at - std::floor(at);
  const size_t first = row.size();
  row.resize(first + kSlotsOfDay);
  row[first + before] = static_cast<float>(1 - beyond);
  row[first + (before + 1) % kSlotsOfDay] = static_cast<float>(beyond);
}

std::vector<float> calendar_row(const Task& task, int64_t time_s) {
  const storage::CalendarTime time = storage::calendar_time(time_s);
  std::vector<float> row;
  for (const std::string& word : task.calendar) {
    const double day = (time.hour * 3600 + time.minute * 60 + time.second) / 86400.0;
    if (word == "hour_of_day") {
      add_harmonics(day, row);
    } else if (word == "slot_of_day") {
      add_slots(day, row);
    } else if (word == "day_of_year") {
      add_harmonics(time.day_of_year / 365.25, row);
    } else {
      for (int32_t day = 0; day < 7; ++day) row.push_back(time.weekday == day ? 1 : 0);
    }
  }
  return row;
}

at::Tensor calendar_table(const Task& task, const storage::TimeAxis& axis, int64_t states) {
  const int64_t features = calendar_features(task);
  at::Tensor table = at::empty({states, features}, at::kFloat);
  float* out = table.data_ptr<float>();
  for (int64_t state = 0; state < states; ++state, out += features) {
    const std::vector<float> row = calendar_row(task, axis.time_at(state));
    std::copy(row.begin(), row.end(), out);
  }
  return table;
}

// The targets' part of the normalizer's base and scale: [slots, V, P], [V, P]. They do not own.
at::Tensor base_by_slot(const retrieval::Normalizer& normalizer, int64_t targets) {
  const auto variables = static_cast<int64_t>(normalizer.options().variables.size());
  auto* data = const_cast<float*>(normalizer.base().data());
  return at::from_blob(data, {variables, normalizer.slots(), normalizer.places()}, at::kFloat)
      .narrow(0, 0, targets)
      .transpose(0, 1);
}
at::Tensor scale_of(const retrieval::Normalizer& normalizer, int64_t targets) {
  auto* data = const_cast<float*>(normalizer.scale().data());
  return at::from_blob(data, {targets, normalizer.places()}, at::kFloat);
}

// The targets' climatology per slot about its mean over slots, [slots, V, P], in double.
at::Tensor centred_base(const retrieval::Normalizer& normalizer, int64_t targets) {
  const at::Tensor base = base_by_slot(normalizer, targets).to(at::kDouble);
  return base - base.mean(0, true);
}
at::Tensor deviation_over_slots(const at::Tensor& centred) {  // [V, P]
  return centred.square().mean(0).sqrt();
}

// The targets' climatology per slot, at mean 0 and deviation 1 over slots: [slots, V, P].
at::Tensor base_table(const retrieval::Normalizer& normalizer, int64_t targets) {
  const at::Tensor centred = centred_base(normalizer, targets);
  const at::Tensor deviation = deviation_over_slots(centred).clamp_min(1e-6);
  return (centred / deviation).to(at::kFloat).contiguous().clone();
}

// Replaces NaN by the last value before it, else 0; values [states, row], in place.
void fill_forward(std::span<float> values, int64_t states, int64_t row) {
  for (int64_t i = 0; i < row; ++i) {
    if (states > 0 && std::isnan(values[i])) values[i] = 0;
  }
  for (int64_t i = row; i < states * row; ++i) {
    if (std::isnan(values[i])) values[i] = values[i - row];
  }
}

}  // namespace

int64_t calendar_features(const Task& task) {
  return static_cast<int64_t>(calendar_row(task, 0).size());
}

struct Dataset::Data {
  const storage::SeriesStore* store;
  const retrieval::Normalizer* normalizer;
  Task task;
  int64_t states = 0, places = 0, targets = 0, variables = 0;
  at::Tensor raw;              // [S, V, P] physical units, NaN missing
  at::Tensor filled;           // [S, Vc, P] normalised, filled forward
  at::Tensor mask;             // [S, Vc, P] bytes
  at::Tensor calendar;         // [S, C]
  at::Tensor base;             // [slots, V, P]
  at::Tensor low, high;        // [V, P] of the targets in the training part, normalised
  std::vector<int64_t> slots;  // of states 0..S+T_out-1
  at::Device device = at::kCPU;
  Staging staging{at::kCPU};
  at::Tensor level, spread;  // [slots, V, P], [V, P]: the normalizer's base and scale, on a GPU

  at::Tensor gather(const at::Tensor& table, const at::Tensor& rows, int64_t batch) const;
  Status read(std::span<const int32_t> numbers);
  void place(const Compute& compute);
  at::Tensor denormalise_here(const at::Tensor& normalised, int64_t origin) const;
};

// Reads and normalises the series in parts, so that nothing but the tables themselves is ever held.
Status Dataset::Data::read(std::span<const int32_t> numbers) {
  const int64_t row = variables * places;
  const int64_t part_states = std::clamp<int64_t>(kReadFloats / row, 1, kReadStates);
  filled = at::empty({states, variables, places}, at::kFloat);
  raw = at::empty({states, targets, places}, at::kFloat);
  mask = at::empty({states, variables, places}, at::kByte);
  for (int64_t first = 0; first < states; first += part_states) {
    const int64_t count = std::min(part_states, states - first);
    at::Tensor part = filled.narrow(0, first, count);
    SKIPCAST_TRY_OK(store->read(first, count, numbers, floats(part)));
    raw.narrow(0, first, count).copy_(part.narrow(1, 0, targets));
    normalizer->normalise(first, count, floats(part));
    mask.narrow(0, first, count).copy_(part.isnan().logical_not());
  }
  fill_forward(floats(filled), states, row);
  return {};
}

int64_t Dataset::bytes_needed(const Task& task, int64_t states, int64_t places) {
  const auto variables = static_cast<int64_t>(task.context_variables.size());
  const auto targets = static_cast<int64_t>(task.variables.size());
  return states * places * (4 * variables + variables + 4 * targets);  // filled, mask, raw
}

Result<std::unique_ptr<Dataset>> Dataset::load(const storage::SeriesStore& store, const Task& task,
                                               const retrieval::Normalizer& normalizer,
                                               int64_t memory_bytes_max, const Compute& compute) {
  auto data = std::make_shared<Data>();
  data->store = &store;
  data->normalizer = &normalizer;
  data->task = task;
  const std::vector<int32_t> numbers = variable_numbers(store, task);
  SKIPCAST_CHECK(normalizer.options().variables == numbers);
  data->states = store.size();
  data->places = store.schema().places.count();
  data->targets = static_cast<int64_t>(task.variables.size());
  data->variables = static_cast<int64_t>(numbers.size());
  const auto bytes = static_cast<double>(bytes_needed(task, data->states, data->places));
  if (bytes > static_cast<double>(memory_bytes_max)) {
    return Status(Code::kUnsupported,
                  fmt::format("task {} needs {:.1f} GB of memory for its series, more than the "
                              "limit of {:.1f} GB; use fewer context variables",
                              task.name, bytes / 1e9, static_cast<double>(memory_bytes_max) / 1e9));
  }
  SKIPCAST_TRY_OK(data->read(numbers));
  const at::Tensor learned =
      data->filled.narrow(0, 0, normalizer.options().train_states).narrow(1, 0, data->targets);
  data->low = learned.amin(0);
  data->high = learned.amax(0);
  data->calendar = calendar_table(task, store.schema().axis, data->states);
  if (normalizer.slots() > 1) data->base = base_table(normalizer, data->targets);
  data->slots.resize(static_cast<size_t>(data->states + task.spec.future_states));
  for (size_t i = 0; i < data->slots.size(); ++i) {
    data->slots[i] = normalizer.slot_of(static_cast<int64_t>(i));
  }
  data->place(compute);
  return std::unique_ptr<Dataset>(new Dataset(std::move(data)));
}

// Tables to the device if they fit, else to pinned memory that copies can leave while the device
// computes. Of a device that is no GPU nobody knows what is free: there they fit.
void Dataset::Data::place(const Compute& compute) {
  device = compute.device;
  if (device.is_cpu()) return;
  staging = Staging(device);
  const auto to_device = [&](at::Tensor& table) { table = table.to(device); };
  for (at::Tensor* table : {&low, &high}) to_device(*table);
  if (normalizer->slots() > 1) to_device(base);
  level = base_by_slot(*normalizer, targets).contiguous().to(device);
  spread = scale_of(*normalizer, targets).to(device);
  if (compute.half_archive) filled = filled.to(at::kHalf);
  const auto bytes = static_cast<int64_t>(filled.nbytes() + mask.nbytes());
  int64_t most = device.is_cuda() ? free_bytes(device) / 2 : bytes;
  if (compute.resident_bytes_max > 0) most = compute.resident_bytes_max;
  for (at::Tensor* table : {&filled, &mask, &calendar}) {
    if (bytes <= most) {
      to_device(*table);
    } else if (device.is_cuda()) {
      *table = table->pin_memory();
    }
  }
}

namespace {

// Row numbers first..first+count-1 relative to each origin: [B * count].
at::Tensor rows_of(std::span<const int64_t> origins, int64_t first, int64_t count) {
  at::Tensor rows = at::empty({static_cast<int64_t>(origins.size()) * count}, at::kLong);
  int64_t* out = rows.data_ptr<int64_t>();
  for (const int64_t origin : origins) {
    for (int64_t i = 0; i < count; ++i) *out++ = origin + first + i;
  }
  return rows;
}

}  // namespace

// Rows of a table as [batch, rows, ..], float32 on the device.
at::Tensor Dataset::Data::gather(const at::Tensor& table, const at::Tensor& rows,
                                 int64_t batch) const {
  std::vector<int64_t> shape = table.sizes().vec();
  shape[0] = rows.numel() / batch;
  shape.insert(shape.begin(), batch);
  const at::Tensor picked = table.device() == device ? table.index_select(0, staging.copy(rows))
                                                     : staging.copy_rows(table, rows);
  return picked.view(shape).to(at::kFloat);
}

ContextBatch Dataset::contexts(std::span<const int64_t> origins) const {
  const Data& d = *data_;
  const int64_t batch = static_cast<int64_t>(origins.size());
  const int64_t in = d.task.spec.context_states, out = d.task.spec.future_states;
  SKIPCAST_CHECK(batch > 0);
  for (const int64_t origin : origins) SKIPCAST_CHECK(origin >= in - 1 && origin < d.states);
  const at::Tensor rows = rows_of(origins, 1 - in, in);
  ContextBatch made;
  made.values = d.gather(d.filled, rows, batch);
  made.mask = d.gather(d.mask, rows, batch);
  made.calendar = d.gather(d.calendar, rows_of(origins, 0, 1), batch).select(1, 0);
  made.last = made.values.select(1, in - 1).narrow(1, 0, d.targets).contiguous();
  made.base = at::empty({batch, 0, d.targets, d.places}, made.values.options());
  if (d.base.defined()) {
    at::Tensor slots = rows_of(origins, 1 - in, in + out);
    int64_t* slot = slots.data_ptr<int64_t>();
    for (int64_t i = 0; i < slots.numel(); ++i) slot[i] = d.slots[static_cast<size_t>(slot[i])];
    made.base = d.gather(d.base, slots, batch);
  }
  return made;
}

at::Tensor Dataset::last_values(std::span<const int64_t> origins) const {
  const int64_t batch = static_cast<int64_t>(origins.size());
  const at::Tensor rows = rows_of(origins, 0, 1);
  return data_->gather(data_->filled, rows, batch).select(1, 0).narrow(1, 0, data_->targets);
}

FutureBatch Dataset::futures(std::span<const int64_t> origins) const {
  const at::Tensor rows = rows_of(origins, 1, data_->task.spec.future_states);
  const int64_t batch = static_cast<int64_t>(origins.size());
  FutureBatch made;
  const Data& d = *data_;
  made.mask = d.gather(d.mask, rows, batch).narrow(2, 0, d.targets).contiguous();
  made.values = d.gather(d.filled, rows, batch).narrow(2, 0, d.targets) * made.mask;
  return made;
}

at::Tensor Dataset::filled_futures(std::span<const int64_t> origins) const {
  const at::Tensor rows = rows_of(origins, 1, data_->task.spec.future_states);
  return data_->gather(data_->filled, rows, static_cast<int64_t>(origins.size()))
      .narrow(2, 0, data_->targets)
      .contiguous();
}

Dataset::Range Dataset::range(const at::Tensor& last) const {
  return {at::minimum(data_->low, last), at::maximum(data_->high, last)};
}

// Normalizer::denormalise_one on the device.
at::Tensor Dataset::Data::denormalise_here(const at::Tensor& normalised, int64_t origin) const {
  std::vector<int64_t> rows(slots.begin() + origin + 1,
                            slots.begin() + origin + 1 + task.spec.future_states);
  const at::Tensor slot = at::tensor(rows, at::kLong).to(device);
  const at::Tensor values = normalised.to(at::kFloat) * spread + level.index_select(0, slot);
  std::vector<at::Tensor> parts;
  for (int64_t v = 0; v < targets; ++v) {
    const at::Tensor part = values.select(-2, v);
    switch (normalizer->transform(v)) {
      case retrieval::Transform::kIdentity:
        parts.push_back(part);
        break;
      case retrieval::Transform::kLog:
        parts.push_back(part.expm1());
        break;
      case retrieval::Transform::kSquareRoot:
        parts.push_back(part.clamp_min(0).square());
        break;
    }
  }
  return at::stack(parts, -2);
}

at::Tensor Dataset::denormalise(const at::Tensor& normalised, int64_t origin) const {
  const Data& d = *data_;
  if (!normalised.is_cpu()) return d.denormalise_here(normalised, origin);
  const int64_t out = d.task.spec.future_states;
  // Variable before time: denormalise_one() takes [count, places] of one variable.
  at::Tensor work = normalised.to(at::kFloat).transpose(-3, -2).clone(at::MemoryFormat::Contiguous);
  SKIPCAST_CHECK(work.size(-3) == d.targets && work.size(-2) == out && work.size(-1) == d.places);
  const std::span<float> all = floats(work);
  const size_t part = static_cast<size_t>(out * d.places);
  for (size_t i = 0; i < all.size() / part; ++i) {
    const int64_t variable = static_cast<int64_t>(i) % d.targets;
    d.normalizer->denormalise_one(variable, origin + 1, out, all.subspan(i * part, part));
  }
  return work.transpose(-3, -2).contiguous();
}

at::Tensor Dataset::observed(int64_t origin) const {
  return data_->raw.narrow(0, origin + 1, data_->task.spec.future_states).clone();
}

int64_t Dataset::states() const { return data_->states; }
int64_t Dataset::places() const { return data_->places; }
at::Device Dataset::device() const { return data_->device; }
bool Dataset::resident() const { return data_->filled.device() == data_->device; }
const Task& Dataset::task() const { return data_->task; }
const retrieval::Normalizer& Dataset::normalizer() const { return *data_->normalizer; }
const storage::SeriesStore& Dataset::store() const { return *data_->store; }

at::Tensor base_size(const retrieval::Normalizer& normalizer, int64_t targets) {
  const at::Tensor deviation = deviation_over_slots(centred_base(normalizer, targets));
  return (deviation / scale_of(normalizer, targets)).to(at::kFloat).contiguous();
}

at::Tensor area_weights(const Dataset& dataset) {
  const std::vector<double> weights = dataset.store().schema().places.area_weights();
  if (weights.empty()) return {};
  return at::tensor(weights, at::kDouble).to(at::kFloat).to(dataset.device());
}

}  // namespace skipcast::engine
