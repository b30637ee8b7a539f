// The metric key: windows compared by features of context and mean forecast whose weights were
// trained so that near windows have like futures (engine/methods/learned_metric.cc).
#pragma once

#include <memory>

#include "engine/keys/metric_features.h"
#include "engine/keys/metric_file.h"
#include "retrieval/encoders/encoder.h"

namespace skipcast::engine {

// Embedding: each group of the features times the square root of the metric's factor, groups of
// factor 0 left out. Its fingerprint changes with features and factors. Before an index it goes
// through a PCA as the other keys do. Shares the features.
std::unique_ptr<retrieval::Encoder> make_metric_encoder(
    std::shared_ptr<const MetricFeatures> features, const LearnedMetric& metric);

}  // namespace skipcast::engine
