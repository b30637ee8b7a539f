#include "tools/figures/ensemble_view.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace skipcast::tools {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Summary summarise(std::vector<double> values) {
  Summary summary;
  double sum = 0;
  for (const double value : values) sum += value;
  const auto count = static_cast<double>(values.size());
  summary.mean = sum / count;
  double squares = 0;
  for (const double value : values) squares += (value - summary.mean) * (value - summary.mean);
  summary.spread = count > 1 ? std::sqrt(squares / (count - 1)) : 0;
  std::sort(values.begin(), values.end());
  summary.q05 = quantile(values, 0.05);
  summary.q25 = quantile(values, 0.25);
  summary.q50 = quantile(values, 0.50);
  summary.q75 = quantile(values, 0.75);
  summary.q95 = quantile(values, 0.95);
  return summary;
}

}  // namespace

double quantile(std::span<const double> ascending, double q) {
  if (ascending.empty()) return kNan;
  const double position = q * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, ascending.size() - 1);
  const double share = position - static_cast<double>(below);
  return ascending[below] + share * (ascending[above] - ascending[below]);
}

double mean_of(std::span<const float> values) {
  double sum = 0;
  int64_t count = 0;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    sum += value;
    ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : kNan;
}

EnsembleView::EnsembleView(const engine::Forecaster& forecaster, const engine::Forecast& forecast)
    : forecaster_(forecaster),
      forecast_(forecast),
      values_(forecast.members.to(at::kCPU, at::kFloat).contiguous()) {
  SKIPCAST_CHECK(values_.dim() == 4);
  members_ = values_.size(0);
  lead_times_ = values_.size(1);
  variables_ = values_.size(2);
  places_ = values_.size(3);
}

int64_t EnsembleView::lead_time_s(int64_t lead) const {
  return forecaster_.store().schema().axis.time_at(forecast_.origin + 1 + lead);
}

const storage::Variable& EnsembleView::variable(int64_t target) const {
  const storage::Schema& schema = forecaster_.store().schema();
  const std::string& name = forecaster_.dataset().task().variables[static_cast<size_t>(target)];
  return schema.variables[static_cast<size_t>(schema.variable_index(name))];
}

double EnsembleView::value(int64_t member, int64_t lead, int64_t target, int64_t place) const {
  const int64_t row = (member * lead_times_ + lead) * variables_ + target;
  return values_.const_data_ptr<float>()[row * places_ + place];
}

Summary EnsembleView::at(int64_t lead, int64_t target, int64_t place) const {
  std::vector<double> values;
  for (int64_t m = 0; m < members_; ++m) values.push_back(value(m, lead, target, place));
  return summarise(std::move(values));
}

Summary EnsembleView::over_places(int64_t lead, int64_t target) const {
  std::vector<double> values;
  for (int64_t m = 0; m < members_; ++m) {
    double sum = 0;
    for (int64_t place = 0; place < places_; ++place) sum += value(m, lead, target, place);
    values.push_back(sum / static_cast<double>(places_));
  }
  return summarise(std::move(values));
}

Result<std::vector<float>> EnsembleView::stored(int64_t target, int64_t first,
                                                int64_t count) const {
  const storage::SeriesStore& store = forecaster_.store();
  const storage::TimeAxis& axis = store.schema().axis;
  const int32_t number[] = {
      static_cast<int32_t>(store.schema().variable_index(variable(target).name))};
  std::vector<float> result(static_cast<size_t>(count * places_),
                            std::numeric_limits<float>::quiet_NaN());
  const int64_t begin = std::max<int64_t>(first, 0);
  const int64_t end = std::min(first + count, store.size());
  if (begin < end) {
    const auto offset = static_cast<size_t>((begin - first) * places_);
    const auto length = static_cast<size_t>((end - begin) * places_);
    SKIPCAST_TRY_OK(
        store.read(begin, end - begin, number, std::span(result).subspan(offset, length)));
  }
  for (int64_t i = 0; i < count; ++i) {
    const int64_t low = std::min(first + i, forecast_.origin);
    if (axis.contiguous(low, std::max(first + i, forecast_.origin))) continue;
    std::fill_n(result.begin() + i * places_, places_, std::numeric_limits<float>::quiet_NaN());
  }
  return result;
}

}  // namespace skipcast::tools
