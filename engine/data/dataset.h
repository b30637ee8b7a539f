// Windows as tensors: a series, normalised and held in memory, cut into contexts and futures.
//
// "Normalised units" are the Normalizer's, per variable and place. Tensors are float32, on the
// device that the data set serves (compute.h); physical ones on the CPU unless said otherwise.
// Batch first: context [B, T_in, Vc, P], future [B, T_out, V, P]; Vc context variables (targets
// first), V targets. Thread safety: const methods may run together.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/data/compute.h"
#include "engine/data/task.h"
#include "retrieval/scaling/normalizer.h"
#include "storage/series/series_store.h"

namespace skipcast::engine {

struct ContextBatch {
  at::Tensor values;    // [B, T_in, Vc, P] normalised, missing values filled forward then with 0
  at::Tensor mask;      // [B, T_in, Vc, P] 1 where observed
  at::Tensor calendar;  // [B, C] features of the origin's time, as the task lists: hour_of_day and
                        // day_of_year two harmonics each, day_of_week seven indicators,
                        // slot_of_day weights of 48 moments
  at::Tensor base;      // [B, T_in + T_out, V, P] the targets' slot climatology over the whole
                        // window (known ahead), at mean 0 and deviation 1 over the slots; no time
                        // steps [B, 0, V, P] when the normalizer's base is a mean
  at::Tensor last;      // [B, V, P] the targets' last observation (filled like values)
};

struct FutureBatch {
  at::Tensor values;  // [B, T_out, V, P] normalised, 0 where missing
  at::Tensor mask;    // [B, T_out, V, P] 1 where observed
};

// C of ContextBatch::calendar for this task.
int64_t calendar_features(const Task& task);

inline constexpr int64_t kDatasetBytesMax = int64_t{8} << 30;

class Dataset {
 public:
  // Reads states [0, store.size()) of the task's context variables. kUnsupported when they exceed
  // `memory_bytes_max` (names both sizes). On a GPU the archive lies in the device's memory where
  // it fits (compute.resident_bytes_max), else windows are staged from pinned memory beside what
  // the device computes (staging.h). Store and normalizer must outlive it.
  static Result<std::unique_ptr<Dataset>> load(const storage::SeriesStore& store, const Task& task,
                                               const retrieval::Normalizer& normalizer,
                                               int64_t memory_bytes_max = kDatasetBytesMax,
                                               const Compute& compute = {});

  // Bytes that load() holds for so many states of the task at so many places.
  static int64_t bytes_needed(const Task& task, int64_t states, int64_t places);

  // Contexts ending at / futures after these origins. REQUIRES windows inside the series. Missing
  // values are filled with the last normalised value before them, also from before the window.
  ContextBatch contexts(std::span<const int64_t> origins) const;
  FutureBatch futures(std::span<const int64_t> origins) const;
  at::Tensor last_values(std::span<const int64_t> origins) const;  // ContextBatch::last alone
  // Futures as starts: missing values filled forward from the origin's last observation.
  at::Tensor filled_futures(std::span<const int64_t> origins) const;
  // What each place has shown in the training part, widened to `last` [V, P]: normalised futures
  // kept within it are no further out than anything learned.
  struct Range {
    at::Tensor low, high;
  };  // [V, P]
  Range range(const at::Tensor& last) const;

  // normalised [.., T_out, V, P] of the window at `origin` -> physical units, where it lies; and
  // NaN-marked truth, on the CPU.
  at::Tensor denormalise(const at::Tensor& normalised, int64_t origin) const;
  at::Tensor observed(int64_t origin) const;  // [T_out, V, P] physical, NaN missing

  int64_t states() const;
  int64_t places() const;
  at::Device device() const;
  bool resident() const;  // the archive lies on the device
  const Task& task() const;
  const retrieval::Normalizer& normalizer() const;
  const storage::SeriesStore& store() const;

 private:
  struct Data;
  explicit Dataset(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

// Deviation over slots of the targets' climatology, in normalised units: [V, P] float32, from
// variables 0 to `targets` - 1 of the normalizer.
at::Tensor base_size(const retrieval::Normalizer& normalizer, int64_t targets);

// Places::area_weights() of its archive, [P] float32 on its device; undefined: all places alike.
at::Tensor area_weights(const Dataset& dataset);

}  // namespace skipcast::engine
