// FAISS for GPUs (1.7.3) behind DeviceScan. Flat: brute force over any range of one buffer of rows
// (faiss::gpu::bfKnn, what GpuIndexFlat calls). With lists: GpuIndexIVFFlat or GpuIndexIVFPQ,
// trained on the first rows; until then, and beside it for rows that follow, brute force.
#include "retrieval/indexes/device_scan.h"

#ifdef SKIPCAST_FAISS_GPU
#include <cuda_runtime.h>
#include <faiss/gpu/GpuDistance.h>
#include <faiss/gpu/GpuIndexIVFFlat.h>
#include <faiss/gpu/GpuIndexIVFPQ.h>
#include <faiss/gpu/StandardGpuResources.h>
#endif
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>

namespace skipcast::retrieval {

#ifdef SKIPCAST_FAISS_GPU

namespace {

constexpr int64_t kNearestMax = 2048;  // FAISS's limit on GPUs
constexpr int64_t kRowsMin = 1 << 14;  // of the buffer

Status failed(const char* what, const char* why) {
  return {Code::kUnsupported, fmt::format("the GPU's index failed to {}: {}", what, why)};
}

// Rows in the device's memory, growing by doubling.
class DeviceBuffer {
 public:
  explicit DeviceBuffer(int64_t width) : width_(width) {}
  ~DeviceBuffer() { cudaFree(data_); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  const float* row(int64_t number) const { return data_ + number * width_; }
  int64_t rows() const { return rows_; }

  cudaError_t append(std::span<const float> values) {
    const int64_t added = static_cast<int64_t>(values.size()) / width_;
    if (rows_ + added > room_) {
      const cudaError_t grown = grow(std::max({kRowsMin, 2 * room_, rows_ + added}));
      if (grown != cudaSuccess) return grown;
    }
    const cudaError_t copied = cudaMemcpy(data_ + rows_ * width_, values.data(),
                                          values.size_bytes(), cudaMemcpyHostToDevice);
    if (copied == cudaSuccess) rows_ += added;
    return copied;
  }

 private:
  size_t bytes(int64_t rows) const { return static_cast<size_t>(rows * width_) * sizeof(float); }

  cudaError_t grow(int64_t room) {
    float* wider = nullptr;
    const cudaError_t made = cudaMalloc(&wider, bytes(room));
    if (made != cudaSuccess) return made;
    const cudaError_t moved = cudaMemcpy(wider, data_, bytes(rows_), cudaMemcpyDeviceToDevice);
    cudaFree(data_);
    data_ = wider;
    room_ = room;
    return moved;
  }

  const int64_t width_;
  float* data_ = nullptr;
  int64_t rows_ = 0, room_ = 0;
};

class GpuScan final : public DeviceScan {
 public:
  GpuScan(int64_t width, const GpuScanOptions& options)
      : width_(width), options_(options), buffer_(width) {
    resources_.setTempMemory(static_cast<size_t>(options.temp_bytes));
  }

  bool exact() const override { return options_.kind == GpuScanKind::kFlat; }
  int64_t k_max() const override { return kNearestMax; }

  Status append(std::span<const float> vectors) override {
    try {
      cudaSetDevice(options_.device);
      const cudaError_t error = buffer_.append(vectors);
      if (error != cudaSuccess) return failed("take rows", cudaGetErrorString(error));
      if (lists_ == nullptr && !exact() && buffer_.rows() >= options_.train_rows) train();
      return {};
    } catch (const std::exception& error) {
      return failed("take rows", error.what());
    }
  }

  Result<std::vector<std::vector<int64_t>>> nearest(std::span<const float> queries, int64_t k,
                                                    Interval range) override {
    std::vector<std::vector<int64_t>> found(queries.size() / static_cast<size_t>(width_));
    try {
      cudaSetDevice(options_.device);
      if (lists_ != nullptr) probe(queries, k, found);
      const int64_t first = std::max(range.begin, listed_);
      const int64_t left = range.end - first;
      if (left > 0) scan(queries, std::min(k, left), {first, range.end}, found);
      return found;
    } catch (const std::exception& error) {
      return failed("search", error.what());
    }
  }

 private:
  void scan(std::span<const float> queries, int64_t k, Interval range,
            std::vector<std::vector<int64_t>>& found) {
    std::vector<int64_t> rows(found.size() * static_cast<size_t>(k));
    std::vector<float> distances(rows.size());
    faiss::gpu::GpuDistanceParams args;
    args.k = static_cast<int>(k);
    args.dims = static_cast<int>(width_);
    args.vectors = buffer_.row(range.begin);
    args.numVectors = static_cast<int>(range.end - range.begin);
    args.queries = queries.data();
    args.numQueries = static_cast<int>(found.size());
    args.outDistances = distances.data();
    args.outIndices = rows.data();
    faiss::gpu::bfKnn(&resources_, args);
    keep(rows, k, range.begin, found);
  }

  void probe(std::span<const float> queries, int64_t k, std::vector<std::vector<int64_t>>& found) {
    std::vector<faiss::Index::idx_t> rows(found.size() * static_cast<size_t>(k));
    std::vector<float> distances(rows.size());
    lists_->search(static_cast<faiss::Index::idx_t>(found.size()), queries.data(), k,
                   distances.data(), rows.data());
    keep({rows.begin(), rows.end()}, k, 0, found);
  }

  static void keep(const std::vector<int64_t>& rows, int64_t k, int64_t first,
                   std::vector<std::vector<int64_t>>& found) {
    for (size_t i = 0; i < rows.size(); ++i) {
      if (rows[i] >= 0) found[i / static_cast<size_t>(k)].push_back(first + rows[i]);
    }
  }

  // Lists of what is there now; as many as the square root of its rows, times 4.
  void train() {
    const int64_t rows = buffer_.rows();
    const int lists = static_cast<int>(4 * std::sqrt(static_cast<double>(rows)));
    const int probes = static_cast<int>(std::min<int64_t>(options_.probes, lists));
    if (options_.kind == GpuScanKind::kIvfFlat) {
      lists_ = std::make_unique<faiss::gpu::GpuIndexIVFFlat>(&resources_, static_cast<int>(width_),
                                                             lists, faiss::METRIC_L2);
    } else {
      const int codes = static_cast<int>(width_ % 4 == 0 ? width_ / 4 : width_);
      lists_ = std::make_unique<faiss::gpu::GpuIndexIVFPQ>(&resources_, static_cast<int>(width_),
                                                           lists, codes, 8, faiss::METRIC_L2);
    }
    lists_->setNumProbes(probes);
    lists_->train(rows, buffer_.row(0));
    lists_->add(rows, buffer_.row(0));
    listed_ = rows;
  }

  const int64_t width_;
  const GpuScanOptions options_;
  faiss::gpu::StandardGpuResources resources_;
  DeviceBuffer buffer_;
  std::unique_ptr<faiss::gpu::GpuIndexIVF> lists_;
  int64_t listed_ = 0;  // rows that the lists hold
};

}  // namespace

bool has_gpu_scan() { return true; }

DeviceScanMaker gpu_scan(const GpuScanOptions& options) {
  return [options](int64_t dimension) -> Result<std::unique_ptr<DeviceScan>> {
    int devices = 0;
    const cudaError_t error = cudaGetDeviceCount(&devices);
    if (error != cudaSuccess || devices <= options.device) {
      return failed("start", error != cudaSuccess ? cudaGetErrorString(error) : "no such device");
    }
    try {
      cudaSetDevice(options.device);
      return std::unique_ptr<DeviceScan>(std::make_unique<GpuScan>(dimension, options));
    } catch (const std::exception& failure) {
      return failed("start", failure.what());
    }
  };
}

#else

bool has_gpu_scan() { return false; }

DeviceScanMaker gpu_scan(const GpuScanOptions&) {
  return [](int64_t) -> Result<std::unique_ptr<DeviceScan>> {
    return Status(Code::kUnsupported, "this build has no FAISS for GPUs (tools/setup --cuda)");
  };
}

#endif

}  // namespace skipcast::retrieval
