// ReDi exactly as published (Zhang et al., ICML 2023; METHODS 1.1), for comparison with our own
// starts: a knowledge base of the model's trajectories on the training windows, all from one and
// the same noise. A query runs to the key step, finds the nearest keys, combines their states at
// the value step by least squares, and goes on from there.
//
// The base is model output, costs `value` evaluations a window to make, and gives one path a
// neighbour: spread comes only from members taking different neighbours. A multistep solver's
// history begins anew at key and value.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "engine/data/dataset.h"
#include "engine/forecast/reverse_chain.h"
#include "engine/models/model.h"
#include "storage/progress.h"

namespace skipcast::engine {

class RediBase {
 public:
  // Trajectories of the training windows (thinned evenly to 4096) by chain's solver and levels.
  // kUsage when the training part is empty; kInterrupted when progress says stop.
  static Result<std::shared_ptr<const RediBase>> build(std::shared_ptr<const Model> model,
                                                       const Dataset& dataset, const Chain& chain,
                                                       const Progress& progress = {});

  // States at the value step, [members, T_out, V, P] in target space: member m combines the
  // neighbours m * count .. (m + 1) * count - 1, in turn when there are not so many. Costs
  // chain.redi.to_key's evaluations once. Thread-safe.
  at::Tensor states(const samplers::Denoiser& denoise, int64_t members, int64_t count) const;

  int64_t rows() const { return keys_.size(0); }
  int64_t bytes() const { return (keys_.numel() + values_.numel()) * int64_t{sizeof(float)}; }

 private:
  at::Tensor run(const samplers::Denoiser& denoise, const at::Tensor& x,
                 const std::vector<double>& sigmas) const;

  // Constant after build().
  Chain chain_;
  at::Tensor initial_;  // [1, T_out, V, P]: the noise every trajectory begins with
  at::Tensor keys_;     // [rows, T_out * V * P]
  at::Tensor values_;   // [rows, T_out, V, P]
};

}  // namespace skipcast::engine
