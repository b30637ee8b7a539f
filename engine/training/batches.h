// One training step, in parts: parameters in one buffer, AdamW, batches, the EDM loss. Internal to
// trainer.cc. Everything random is a function of (seed, step): a resumed run repeats it bit by bit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/data/target_space.h"
#include "engine/networks/network.h"

namespace skipcast::engine {

// Moves a network's parameters (and their gradients) into one flat buffer each, of which they
// become views: an optimiser step is a handful of operations and a checkpoint a few tensors.
class FlatParameters {
 public:
  // The module must outlive this, and its parameters must not be replaced.
  explicit FlatParameters(torch::nn::Module& network);

  at::Tensor values;     // [n], gaps between parameters 0
  at::Tensor gradients;  // [n]
  at::Tensor decays;     // [n], 1 where weight decay applies: parameters of two or more dimensions
  std::string layout;    // fingerprint of names and shapes, in order
};

// AdamW (Loshchilov & Hutter 2019) on flat buffers, betas (.9, .99), eps 1e-8.
struct AdamW {
  at::Tensor first, second;  // moments, [n]

  explicit AdamW(const FlatParameters& parameters);
  // `step` counts from 1.
  void update(FlatParameters& parameters, double learning_rate, double weight_decay, int64_t step);
};

// The gradient's 2-norm; the gradient is scaled down to norm_max when longer.
double clip_gradient(FlatParameters& parameters, double norm_max);

// Share of the learning rate at a step (from 0) and a fraction of the budget: linear warm-up times
// a cosine from 1 to 2 %.
double learning_rate_factor(const TrainingOptions& options, int64_t step, double fraction);

// The mean of the EMA: min(ema_decay, (1 + step) / (10 + step)).
double ema_decay_at(const TrainingOptions& options, int64_t step);

struct TrainingBatch {
  ContextBatch contexts;  // [B, ...]
  at::Tensor target;      // [B, T_out, V, P] in target space
  at::Tensor mask;
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

// While it lives the network drops as its options say, keyed by (the task's seed, step).
class DropoutGuard {
 public:
  DropoutGuard(Network& network, const Task& task, int64_t step);
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

}  // namespace skipcast::engine
