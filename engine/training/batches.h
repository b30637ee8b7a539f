// What a training step is taken on: batches of windows, noised futures, the EDM loss. Everything
// random is a function of (seed, step): a resumed run repeats it bit by bit. Internal to engine.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/data/target_space.h"
#include "engine/networks/network.h"

namespace skipcast::engine {

struct TrainingBatch {
  ContextBatch contexts;  // [B, ...]
  at::Tensor target;      // [B, T_out, V, P] in target space
  at::Tensor mask;        // 0 where missing, else 1, on a grid the cell's area
};

// Draws batches: epochs are permutations of the origins keyed by (seed, epoch).
class BatchSource {
 public:
  BatchSource(const Dataset& dataset, const TargetSpace& target, std::vector<int64_t> origins);

  TrainingBatch batch(int64_t step);
  // Makes the batch of a step before batch() asks for it, so that on a device its copies run beside
  // what the device is at: call it between giving work and waiting for it. Nothing on the CPU.
  void fetch_ahead(int64_t step);
  // Origins of the step's windows, for tests.
  std::vector<int64_t> origins_at(int64_t step);

 private:
  TrainingBatch made(int64_t step);

  const Dataset& dataset_;
  const TargetSpace& target_;
  const std::vector<int64_t> origins_;
  const at::Tensor areas_;  // [P], or undefined
  std::vector<int64_t> order_;
  int64_t epoch_ = -1;
  std::optional<TrainingBatch> ahead_;
  int64_t ahead_step_ = -1;
};

// The batch's futures noised, x = y + sigma eps, sigma stratified over the batch, with what the
// network is given for it and should answer (EDM preconditioning). Rows = contexts x sigma_draws.
struct NoisedBatch {
  at::Tensor input;    // c_in x, [rows, T_out, V, P]
  at::Tensor c_noise;  // [rows]
  at::Tensor wanted;   // the F whose denoised estimate is y, [rows, T_out, V, P]
  at::Tensor mask;     // [rows, T_out, V, P]
};
NoisedBatch noised(const TrainingBatch& batch, const Task& task, int64_t step);

// Mean over observed values of each row, then over rows.
at::Tensor masked_mean(const at::Tensor& values, const at::Tensor& mask);

// While it lives the network drops as its options say, keyed by (the task's seed, step, part).
class DropoutGuard {
 public:
  DropoutGuard(Network& network, const Task& task, int64_t step, int64_t part = 0);
  ~DropoutGuard() { network_.dropout_source().stop(); }
  DropoutGuard(const DropoutGuard&) = delete;
  DropoutGuard& operator=(const DropoutGuard&) = delete;

 private:
  Network& network_;
};

// EDM loss (Karras et al. 2022, table 1) of `batch`, each context with sigma_draws noise levels
// (stratified over the batch), mean over observed values of each row, then over rows. The weight
// (sigma^2 + sigma_data^2) / (sigma sigma_data)^2 makes it the squared error of F itself.
at::Tensor edm_loss(Network& network, const TrainingBatch& batch, const Task& task, int64_t step);

// The same of so many windows at once, one part after the other, so that memory holds the pass of
// one: the gradients of all parts but the last have been added to the parameters' when it returns,
// following the result adds the last's. Noise is the whole batch's; each part drops anew. The
// gradient is the whole batch's to rounding, the same bits for the same windows_at_once.
at::Tensor edm_loss_in_parts(Network& network, const TrainingBatch& batch, const Task& task,
                             int64_t step, int64_t windows_at_once);

}  // namespace skipcast::engine
