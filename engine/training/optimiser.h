// What a training step does to the parameters, and how fast: parameters in one buffer, optimisers,
// clipping, the learning rate's course, the average of the weights. Values on any device; not
// thread-safe. Internal to engine.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <string>

#include "engine/data/task.h"

namespace skipcast::engine {

// Moves a network's parameters (and their gradients) into one flat buffer each, of which they
// become views: an optimiser step is a handful of operations and a checkpoint a few tensors.
class FlatParameters {
 public:
  // The module must outlive this, and its parameters must not be replaced.
  explicit FlatParameters(torch::nn::Module& network);
  // Of one tensor [n] that is no module's: `parameter` becomes a leaf that sees `values` and
  // `gradients`. `what` names its meaning in the layout.
  FlatParameters(at::Tensor& parameter, const std::string& what);

  at::Tensor values;     // [n], gaps between parameters 0
  at::Tensor gradients;  // [n]
  at::Tensor decays;     // [n], 1 where weight decay applies: parameters of two or more dimensions
  std::string layout;    // fingerprint of names and shapes, in order
  int64_t count = 0;     // parameters, without the gaps
};

// What turns gradients into steps.
class Optimiser {
 public:
  explicit Optimiser(const FlatParameters& parameters);
  virtual ~Optimiser() = default;
  // `step` counts from 1.
  virtual void update(FlatParameters& parameters, double learning_rate, double weight_decay,
                      int64_t step) = 0;

  at::Tensor first, second;  // moments, [n]: all that it remembers
};

// AdamW (Loshchilov & Hutter 2019) on flat buffers, betas (.9, .99), eps 1e-8.
class AdamW : public Optimiser {
 public:
  using Optimiser::Optimiser;
  void update(FlatParameters& parameters, double learning_rate, double weight_decay,
              int64_t step) override;
};

// The gradient's 2-norm; the gradient is scaled down to norm_max when longer.
double clip_gradient(FlatParameters& parameters, double norm_max);

// Share of the learning rate at a step (from 0) and a fraction of the budget: linear warm-up times
// a cosine from 1 to 2 %.
double learning_rate_factor(const TrainingOptions& options, int64_t step, double fraction);

// The decay of the average of the weights: min(ema_decay, (1 + step) / (10 + step)).
double ema_decay_at(const TrainingOptions& options, int64_t step);

}  // namespace skipcast::engine
