// What the metric key compares of a window: columns in groups (the mean forecast at each lead
// time, the context at each lag, increments, means over places, volatility, other variables,
// calendar cycles). A metric gives each group a weight; nothing here is learned.
// Every value is a plain loop over one window: the bits of a row depend on its origin alone, not on
// its companions, batch or threads. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/keys/forecast_key.h"

namespace skipcast::engine {

// Columns first..first+width-1 of a row. Groups of one family lie on an axis from -1 to 1 (first to
// last lead time or lag), along which their weights vary smoothly.
struct FeatureGroup {
  std::string name, family;  // "forecast 3", "forecast"
  double position = 0;
  int64_t first = 0, width = 0;
};

class MetricFeatures {
 public:
  // `dataset` must outlive it.
  MetricFeatures(const Dataset& dataset, std::shared_ptr<const MeanTable> means);

  const std::vector<FeatureGroup>& groups() const { return groups_; }
  storage::WindowSpec spec() const { return dataset_.task().spec; }
  int64_t width() const { return groups_.back().first + groups_.back().width; }
  // Changes when the same origin may get other features: names of the groups, the means' model.
  std::string fingerprint() const;

  // Normalised units, into out[origins.size(), width()]; a row of NaN for a context in which none
  // of the targets was observed. REQUIRES contexts inside the series.
  void compute(std::span<const int64_t> origins, std::span<float> out) const;

 private:
  void add_group(const std::string& family, int64_t number, int64_t count, int64_t width);
  void fill(const float* context, const float* mean, const float* calendar, float* out) const;

  const Dataset& dataset_;
  std::shared_ptr<const MeanTable> means_;
  int64_t past_ = 0, future_ = 0, targets_ = 0, variables_ = 0, places_ = 0, calendar_ = 0;
  std::vector<FeatureGroup> groups_;
};

// Per group, 1 / the mean squared distance of two windows of `origins` (0 when it never varies):
// weight times this is the factor of a squared difference.
std::vector<double> group_scales(const MetricFeatures& features, std::span<const int64_t> origins);

}  // namespace skipcast::engine
