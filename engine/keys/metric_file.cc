#include "engine/keys/metric_file.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "engine/models/weights.h"
#include "storage/files/file_io.h"
#include "storage/files/fingerprint.h"

namespace skipcast::engine {
namespace {

constexpr const char* kVersion = "1";
constexpr const char* kFactors = "factors";
constexpr const char* kNote = "note.";

std::string remedy(const storage::SeriesStore& store, const Model& model) {
  return fmt::format("run  skipcast train-metric {} --task {}", store.path(), model.task().name);
}

// What a metric must say of itself to be used with this archive and model.
std::map<std::string, std::string> identity(const storage::SeriesStore& store, const Model& model) {
  return {{"kind", "skipcast metric"},
          {"version", kVersion},
          {"archive", store.store_id()},
          {"task", model.task().name},
          {"model", model.fingerprint()}};
}

Result<Weights> read_checked(const storage::SeriesStore& store, const Model& model) {
  const std::string path = metric_path(store, model.task().name);
  if (!has_metric(store, model.task().name)) {
    return not_found(fmt::format("task {} has no learned metric yet: {}", model.task().name,
                                 remedy(store, model)));
  }
  SKIPCAST_TRY(Weights weights, read_weights(path));
  for (const auto& [key, value] : identity(store, model)) {
    if (weights.metadata[key] == value) continue;
    return refused(
        fmt::format("{} was trained for another {}: {}", path, key, remedy(store, model)));
  }
  const auto found = weights.tensors.find(kFactors);
  const bool sound = weights.tensors.size() == 1 && found != weights.tensors.end() &&
                     found->second.dim() == 1 && found->second.scalar_type() == at::kFloat &&
                     (found->second >= 0).all().item<bool>() &&
                     (found->second > 0).any().item<bool>();
  if (!sound) return data_loss(fmt::format("{} is no metric: {}", path, remedy(store, model)));
  return weights;
}

std::vector<float> factors_in(const Weights& weights) {
  const at::Tensor& factors = weights.tensors.at(kFactors);
  const float* values = factors.const_data_ptr<float>();
  return {values, values + factors.numel()};
}

}  // namespace

std::string metric_path(const storage::SeriesStore& store, const std::string& task) {
  return store.path() + "/models/" + task + kMetricEnding;
}

bool has_metric(const storage::SeriesStore& store, const std::string& task) {
  std::error_code none;
  return std::filesystem::exists(metric_path(store, task), none);
}

std::string fingerprint_of(const LearnedMetric& metric) {
  return storage::fingerprint_of(std::span<const float>(metric.factors));
}

Status save_metric(const storage::SeriesStore& store, const Model& model,
                   const MetricFeatures& features, const LearnedMetric& metric) {
  SKIPCAST_CHECK(metric.factors.size() == features.groups().size());
  const std::string path = metric_path(store, model.task().name);
  std::error_code error;
  std::filesystem::create_directories(store.path() + "/models", error);
  if (error) return storage::system_error("create", store.path() + "/models", error.value());
  Weights weights;
  weights.tensors[kFactors] = at::tensor(metric.factors);
  weights.metadata = identity(store, model);
  weights.metadata["features"] = features.fingerprint();
  for (const auto& [key, value] : metric.note) weights.metadata[kNote + key] = value;
  return write_weights(path, weights);
}

Result<LearnedMetric> read_metric(const storage::SeriesStore& store, const Model& model,
                                  const MetricFeatures& features) {
  SKIPCAST_TRY(const Weights weights, read_checked(store, model));
  const auto stated = weights.metadata.find("features");
  if (stated == weights.metadata.end() || stated->second != features.fingerprint() ||
      factors_in(weights).size() != features.groups().size()) {
    return refused(fmt::format("{} was trained on other features: {}",
                               metric_path(store, model.task().name), remedy(store, model)));
  }
  LearnedMetric metric = {.factors = factors_in(weights)};
  const std::string prefix = kNote;
  for (const auto& [key, value] : weights.metadata) {
    if (key.starts_with(prefix)) metric.note[key.substr(prefix.size())] = value;
  }
  return metric;
}

Result<std::string> metric_fingerprint(const storage::SeriesStore& store, const Model& model) {
  SKIPCAST_TRY(const Weights weights, read_checked(store, model));
  return fingerprint_of(LearnedMetric{.factors = factors_in(weights)});
}

std::string usable_metric(const storage::SeriesStore& store, const Model& model) {
  const Result<std::string> fingerprint = metric_fingerprint(store, model);
  return fingerprint.ok() ? *fingerprint : "";
}

}  // namespace skipcast::engine
