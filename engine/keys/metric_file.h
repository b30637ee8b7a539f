// A learned metric and its file, models/<task>.metric.safetensors: the factor by which each group
// of features (metric_features.h) is multiplied before windows are compared. It belongs to one
// archive, one model and one set of features and refuses others. Every byte is under a checksum
// (weights.h). `skipcast train-metric` makes it. Functions and values, thread-safe.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/keys/metric_features.h"
#include "engine/models/model.h"

namespace skipcast::engine {

struct LearnedMetric {
  std::vector<float> factors;               // one a group; 0: the group is not compared
  std::map<std::string, std::string> note;  // for people: {"steps": "200", ...}
};

inline constexpr const char* kMetricEnding = ".metric.safetensors";
std::string metric_path(const storage::SeriesStore& store, const std::string& task);

// Changes with the bits of the factors.
std::string fingerprint_of(const LearnedMetric& metric);

// Written durably; folders are made. kIo names the file.
Status save_metric(const storage::SeriesStore& store, const Model& model,
                   const MetricFeatures& features, const LearnedMetric& metric);
// kNotFound: none was trained. kRefused: of another archive, model or set of features. Both name
// the command that trains one. kDataLoss: damaged, with the file's name.
Result<LearnedMetric> read_metric(const storage::SeriesStore& store, const Model& model,
                                  const MetricFeatures& features);
// fingerprint_of() that metric, features unchecked: read_metric()'s other errors.
Result<std::string> metric_fingerprint(const storage::SeriesStore& store, const Model& model);
// The same, or "" where it cannot be used.
std::string usable_metric(const storage::SeriesStore& store, const Model& model);
// Is there a file, whatever it holds?
bool has_metric(const storage::SeriesStore& store, const std::string& task);

}  // namespace skipcast::engine
