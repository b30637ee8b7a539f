#include "engine/keys/metric_key.h"

#include <cmath>

#include "engine/keys/analog_keys.h"
#include "engine/keys/key_table.h"
#include "storage/files/fingerprint.h"

namespace skipcast::engine {
namespace {

constexpr size_t kBatch = 256;  // rows whose features are held at once

class MetricEncoder final : public retrieval::Encoder {
 public:
  MetricEncoder(std::shared_ptr<const MetricFeatures> features, const LearnedMetric& metric)
      : features_(std::move(features)) {
    fingerprint_ =
        "learned-" + storage::fingerprint_of("learned key 1 " + features_->fingerprint() + " " +
                                             fingerprint_of(metric));
    for (size_t g = 0; g < metric.factors.size(); ++g) {
      if (metric.factors[g] == 0) continue;
      const FeatureGroup& group = features_->groups()[g];
      parts_.push_back({group.first, group.width, std::sqrt(metric.factors[g])});
      dimension_ += group.width;
    }
  }

  int64_t dimension() const override { return dimension_; }
  std::string fingerprint() const override { return fingerprint_; }

  Status encode(std::span<const int64_t> origins, std::span<float> out) const override {
    const auto width = static_cast<size_t>(features_->width());
    SKIPCAST_CHECK(out.size() == origins.size() * static_cast<size_t>(dimension_));
    std::vector<float> rows(std::min(kBatch, origins.size()) * width);
    float* to = out.data();
    for (size_t first = 0; first < origins.size(); first += kBatch) {
      const auto batch = origins.subspan(first, std::min(kBatch, origins.size() - first));
      features_->compute(batch, std::span(rows).first(batch.size() * width));
      for (size_t i = 0; i < batch.size(); ++i) to = weigh(rows.data() + i * width, to);
    }
    return {};
  }

 private:
  struct Part {
    int64_t first, width;
    float factor;
  };

  float* weigh(const float* row, float* to) const {
    for (const Part& part : parts_) {
      for (int64_t c = 0; c < part.width; ++c) *to++ = part.factor * row[part.first + c];
    }
    return to;
  }

  std::shared_ptr<const MetricFeatures> features_;
  std::vector<Part> parts_;
  int64_t dimension_ = 0;
  std::string fingerprint_;
};

Result<std::unique_ptr<retrieval::Encoder>> metric_encoder(const KeySource& source,
                                                           const StartOptions&) {
  const storage::SeriesStore& store = source.dataset.store();
  if (!has_metric(store, source.model.task().name)) {  // said before any work
    SKIPCAST_TRY_OK(metric_fingerprint(store, source.model).status());
  }
  SKIPCAST_TRY(const std::shared_ptr<MeanTable> table, source.means());
  auto features = std::make_shared<const MetricFeatures>(source.dataset, table);
  SKIPCAST_TRY(const LearnedMetric metric, read_metric(store, source.model, *features));
  return projected(make_metric_encoder(std::move(features), metric), source.fit_origins);
}

}  // namespace

std::unique_ptr<retrieval::Encoder> make_metric_encoder(
    std::shared_ptr<const MetricFeatures> features, const LearnedMetric& metric) {
  return std::make_unique<MetricEncoder>(std::move(features), metric);
}

constinit extern const KeyRow kMetricKey = {.kind = KeyKind::kMetric,
                                            .help = "a metric that was learned",
                                            .needs_mean = true,
                                            .encoder = metric_encoder};

}  // namespace skipcast::engine
