#include "engine/keys/metric_features.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "storage/files/fingerprint.h"

namespace skipcast::engine {
namespace {

constexpr size_t kBatch = 256;     // windows at once
constexpr float kRarest = 3;       // other variables beyond so many deviations count as this
constexpr int64_t kDays = 7;       // indicators of a day of the week
constexpr int64_t kHarmonics = 4;  // features of any other cycle
constexpr double kLeastVariance = 1e-12;

// Writes one group after another.
class Row {
 public:
  explicit Row(float* out) : out_(out) {}
  void put(float value) { *out_++ = value; }
  void put(const float* values, int64_t count) { out_ = std::copy_n(values, count, out_); }

 private:
  float* out_;
};

float mean_of(const float* values, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += values[i];
  return static_cast<float>(sum / static_cast<double>(count));
}

void put_differences(const float* later, const float* earlier, int64_t count, Row& row) {
  for (int64_t i = 0; i < count; ++i) row.put(later[i] - earlier[i]);
}

}  // namespace

void MetricFeatures::add_group(const std::string& family, int64_t number, int64_t count,
                               int64_t width) {
  if (width == 0) return;
  const int64_t first = groups_.empty() ? 0 : this->width();
  const bool single = count == 1;
  groups_.push_back({.name = single ? family : fmt::format("{} {}", family, number + 1),
                     .family = family,
                     .position = single ? 0 : 2.0 * double(number) / double(count - 1) - 1,
                     .first = first,
                     .width = width});
}

MetricFeatures::MetricFeatures(const Dataset& dataset, std::shared_ptr<const MeanTable> means)
    : dataset_(dataset), means_(std::move(means)) {
  const Task& task = dataset.task();
  past_ = task.spec.context_states;
  future_ = task.spec.future_states;
  targets_ = static_cast<int64_t>(task.variables.size());
  variables_ = static_cast<int64_t>(task.context_variables.size());
  places_ = dataset.places();
  calendar_ = calendar_features(task);
  const int64_t state = targets_ * places_, others = variables_ - targets_;
  for (int64_t l = 0; l < future_; ++l) add_group("forecast", l, future_, state);
  add_group("forecast's mean over places", 0, 1, future_ * targets_);
  add_group("forecast's increments", 0, 1, (future_ - 1) * state);
  for (int64_t t = 0; t < past_; ++t) add_group("context", t, past_, state);
  add_group("context's mean over places", 0, 1, past_ * targets_);
  add_group("context's increments", 0, 1, (past_ - 1) * state);
  add_group("context's volatility", 0, 1, past_ > 1 ? state : 0);
  add_group("other variables", 0, 1, others * places_);
  add_group("other variables' mean over time", 0, 1, others * places_);
  add_group("other variables' mean over places", 0, 1, others);
  for (const std::string& cycle : task.calendar) {
    add_group(cycle, 0, 1, cycle == "day_of_week" ? kDays : kHarmonics);
  }
}

std::string MetricFeatures::fingerprint() const {
  std::string text = "metric features 1 " + means_->fingerprint();
  for (const FeatureGroup& group : groups_) text += fmt::format(";{} {}", group.name, group.width);
  return storage::fingerprint_of(text);
}

// In the order of the groups. context [T_in, Vc, P], mean [T_out, V, P].
void MetricFeatures::fill(const float* context, const float* mean, const float* calendar,
                          float* out) const {
  Row row(out);
  const int64_t state = targets_ * places_, stride = variables_ * places_;
  row.put(mean, future_ * state);
  for (int64_t i = 0; i < future_ * targets_; ++i) row.put(mean_of(mean + i * places_, places_));
  put_differences(mean + state, mean, (future_ - 1) * state, row);
  for (int64_t t = 0; t < past_; ++t) row.put(context + t * stride, state);
  for (int64_t t = 0; t < past_; ++t) {
    for (int64_t v = 0; v < targets_; ++v) {
      row.put(mean_of(context + t * stride + v * places_, places_));
    }
  }
  for (int64_t t = 1; t < past_; ++t) {
    put_differences(context + t * stride, context + (t - 1) * stride, state, row);
  }
  for (int64_t i = 0; past_ > 1 && i < state; ++i) {
    double moved = 0;
    for (int64_t t = 1; t < past_; ++t) {
      moved += std::abs(context[t * stride + i] - context[(t - 1) * stride + i]);
    }
    row.put(static_cast<float>(std::sqrt(moved / double(past_ - 1))));
  }
  const float* last = context + (past_ - 1) * stride;
  for (int64_t i = state; i < stride; ++i) row.put(std::clamp(last[i], -kRarest, kRarest));
  for (int64_t i = state; i < stride; ++i) {
    double sum = 0;
    for (int64_t t = 0; t < past_; ++t) sum += context[t * stride + i];
    row.put(std::clamp(static_cast<float>(sum / double(past_)), -kRarest, kRarest));
  }
  for (int64_t v = targets_; v < variables_; ++v) {
    row.put(std::clamp(mean_of(last + v * places_, places_), -kRarest, kRarest));
  }
  row.put(calendar, calendar_);
}

void MetricFeatures::compute(std::span<const int64_t> origins, std::span<float> out) const {
  SKIPCAST_CHECK(out.size() == origins.size() * static_cast<size_t>(width()));
  const at::NoGradGuard no_grad;
  for (size_t first = 0; first < origins.size(); first += kBatch) {
    const auto batch = origins.subspan(first, std::min(kBatch, origins.size() - first));
    const ContextBatch contexts = dataset_.contexts(batch);
    const at::Tensor values = contexts.values.cpu().contiguous();
    const at::Tensor calendar = contexts.calendar.cpu().contiguous();
    const at::Tensor means = means_->means(batch).cpu().contiguous();
    const at::Tensor seen =
        contexts.mask.narrow(2, 0, targets_).gt(0).flatten(1).any(1).cpu().contiguous();
    const int64_t context = past_ * variables_ * places_;
    for (size_t i = 0; i < batch.size(); ++i) {
      float* row = out.data() + (first + i) * static_cast<size_t>(width());
      const auto n = static_cast<int64_t>(i);
      fill(values.const_data_ptr<float>() + n * context,
           means.const_data_ptr<float>() + n * means_->values(),
           calendar.const_data_ptr<float>() + n * calendar_, row);
      if (seen.const_data_ptr<bool>()[i]) continue;
      std::fill_n(row, width(), std::numeric_limits<float>::quiet_NaN());
    }
  }
}

std::vector<double> group_scales(const MetricFeatures& features, std::span<const int64_t> origins) {
  const auto width = static_cast<size_t>(features.width());
  std::vector<double> sum(width), squares(width);
  std::vector<float> row(width);
  double count = 0;
  for (const int64_t origin : origins) {
    features.compute({&origin, 1}, row);
    if (!std::isfinite(row[0])) continue;
    ++count;
    for (size_t c = 0; c < width; ++c) {
      sum[c] += row[c];
      squares[c] += double{row[c]} * row[c];
    }
  }
  std::vector<double> scales;
  for (const FeatureGroup& group : features.groups()) {
    double variance = 0;
    for (int64_t c = group.first; c < group.first + group.width; ++c) {
      const double mean = sum[c] / count;
      variance += std::max(0.0, squares[c] / count - mean * mean);
    }
    scales.push_back(count > 1 && variance > kLeastVariance ? 1 / (2 * variance) : 0);
  }
  return scales;
}

}  // namespace skipcast::engine
