#include "engine/keys/analog_keys.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "engine/keys/key_table.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kDeviceStates = 200000;  // fewer are searched sooner than a GPU is asked
constexpr int64_t kComponents = 64;        // of the PCA before an index
constexpr int64_t kFitOriginsMax = 4096;   // windows that anything is fitted on
constexpr size_t kErrorBatch = 256;        // windows at once

std::vector<int64_t> thinned(std::vector<int64_t> origins, int64_t count_max) {
  const auto count = static_cast<int64_t>(origins.size());
  if (count <= count_max) return origins;
  std::vector<int64_t> out(count_max);
  for (int64_t i = 0; i < count_max; ++i) out[i] = origins[i * count / count_max];
  return out;
}

std::string name_of(const KeyRow& key, const StartOptions& start) {
  return key.file_name != nullptr ? key.file_name(start) : word(key.kind);
}

}  // namespace

retrieval::Guard guard_for(const Model& model, const ForecastRequest& request) {
  const bool frozen = request.archive == ArchiveMode::kFrozen;
  return {.spec = model.task().spec,
          .past_only = true,
          .band = request.tuning_band,
          .frozen_states = frozen ? model.split().train_end : -1};
}

std::vector<int64_t> fit_origins(const Model& model, const Dataset& dataset) {
  return thinned(
      part_origins(dataset.store().schema().axis, model.task(), model.split(), Part::kTrain),
      kFitOriginsMax);
}

AnalogKeys::AnalogKeys(std::shared_ptr<const Model> model, const Dataset& dataset,
                       Progress progress, int64_t memory_bytes, Files files)
    : model_(std::move(model)),
      dataset_(dataset),
      progress_(std::move(progress)),
      memory_bytes_(memory_bytes),
      files_(files) {
  fit_origins_ = fit_origins(*model_, dataset);
}

std::string AnalogKeys::file(const std::string& name) const {
  if (files_ == Files::kInMemory) return "";
  const std::filesystem::path archive = dataset_.store().path();
  std::error_code ignored;  // an unwritable archive is reported by whoever writes the file
  if (!std::filesystem::is_directory(archive, ignored)) return "";  // a store without a folder
  const std::filesystem::path folder = archive / "index";
  std::filesystem::create_directories(folder, ignored);
  const std::string task = std::filesystem::path(model_->task().name).stem().string();
  return (folder / fmt::format("{}.{}", task, name)).string();
}

Result<std::unique_ptr<retrieval::Encoder>> projected(std::unique_ptr<retrieval::Encoder> encoder,
                                                      std::span<const int64_t> origins) {
  const int64_t components =
      std::min<int64_t>(kComponents, static_cast<int64_t>(origins.size()) - 1);
  if (encoder->dimension() <= kComponents || components < 1) return encoder;
  return retrieval::make_pca_encoder(std::move(encoder), origins, components);
}

Result<std::shared_ptr<MeanTable>> AnalogKeys::open_means() {
  if (means_) return means_;
  SKIPCAST_TRY(means_, MeanTable::open(model_, dataset_, file("means.skm"), progress_));
  return means_;
}

Result<std::shared_ptr<MeanTable>> AnalogKeys::means() {
  const std::lock_guard lock(mutex_);
  return open_means();
}

Result<at::Tensor> AnalogKeys::mean_error() {
  const std::lock_guard lock(mutex_);
  if (mean_error_.defined()) return mean_error_;
  SKIPCAST_TRY(const std::shared_ptr<MeanTable> table, open_means());
  const at::NoGradGuard no_grad;
  at::Tensor squares, count;
  const std::span<const int64_t> origins(fit_origins_);
  for (size_t first = 0; first < origins.size(); first += kErrorBatch) {
    const auto batch = origins.subspan(first, std::min(kErrorBatch, origins.size() - first));
    const FutureBatch futures = dataset_.futures(batch);
    const at::Tensor mask = futures.mask.to(at::kDouble);
    const at::Tensor error = (futures.values - table->means(batch)).to(at::kDouble) * mask;
    const at::Tensor sum = error.square().sum(0), seen = mask.sum(0);
    squares = squares.defined() ? squares + sum : sum;
    count = count.defined() ? count + seen : seen;
  }
  if (!squares.defined()) return usage("the training part has no window to measure errors on");
  const at::Tensor spread = (squares / count.clamp_min(1)).sqrt();
  mean_error_ = at::where(count > 0, spread, 1.0).to(at::kFloat);
  return mean_error_;
}

Result<std::unique_ptr<retrieval::Encoder>> AnalogKeys::encoder_for(const StartOptions& start) {
  return find_key(start.key)->encoder(
      {*model_, dataset_, fit_origins_, [this] { return open_means(); }}, start);
}

Result<const retrieval::AnalogIndex*> AnalogKeys::index(const StartOptions& start) {
  const std::lock_guard lock(mutex_);
  SKIPCAST_TRY_OK(key_from(start.key.view()).status());
  const std::string name = name_of(*find_key(start.key), start);
  if (const auto at = indexes_.find(name); at != indexes_.end()) return at->second.get();
  SKIPCAST_TRY(std::unique_ptr<retrieval::Encoder> encoder, encoder_for(start));
  retrieval::AnalogIndexOptions options = {.spec = model_->task().spec,
                                           .kind = "auto",
                                           .path = file(name + ".skx"),
                                           .memory_bytes = memory_bytes_};
  const bool pays = dataset_.device().is_cuda() && dataset_.states() >= kDeviceStates;
  if (pays && retrieval::has_gpu_scan()) options.scan = retrieval::gpu_scan();
  SKIPCAST_TRY(
      std::unique_ptr<retrieval::AnalogIndex> index,
      retrieval::AnalogIndex::open(dataset_.store(), std::move(encoder), options, progress_));
  SKIPCAST_TRY_OK(index->follow(progress_));
  return (indexes_[name] = std::move(index)).get();
}

Result<int64_t> AnalogKeys::check_index_file(const StartOptions& start, const std::string& path) {
  SKIPCAST_CHECK(files_ == Files::kInMemory);
  const std::lock_guard lock(mutex_);
  SKIPCAST_TRY(std::unique_ptr<retrieval::Encoder> encoder, encoder_for(start));
  return retrieval::AnalogIndex::check_file(
      dataset_.store(), std::move(encoder),
      {.spec = model_->task().spec, .kind = "auto", .path = path}, progress_);
}

Result<int64_t> AnalogKeys::check_means_file(const std::string& path) {
  SKIPCAST_CHECK(files_ == Files::kInMemory);
  const std::lock_guard lock(mutex_);
  SKIPCAST_TRY(const std::shared_ptr<MeanTable> fresh, open_means());
  return fresh->check_file(path);
}

}  // namespace skipcast::engine
