// A trained model: network, weights, normaliser and target space of one task on one archive.
//
// The chain runs in *target space*: y = (future - damping * last) / scale in normalised units, with
// damping and scale per lead time, variable and place from the training part (target_space.h), so
// that y has standard deviation sigma_data; damping is 0 unless the task is residual.
// Files: models/<task>.safetensors (EMA weights, moment heads and folds if trained, target space)
// and models/<task>.json (everything else, including archive id, task and split). A model refuses
// another task, archive or version. Immutable after load; thread-safe. DESIGN decision 11: the
// context is encoded once per query.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/data/compute.h"
#include "engine/data/dataset.h"
#include "engine/data/task.h"
#include "samplers/levels/optimised_levels.h"
#include "samplers/precondition.h"

namespace skipcast::engine {

struct TargetSpace;     // engine/data/target_space.h
struct RetrievedBatch;  // engine/data/retrieved_futures.h

// Fine-tuned copies of a network, beside it (engine/models/network_copy.h).
enum class Role { kConditioned, kOneStep };
const char* word(Role role);

struct RoleInfo {
  Role role = Role::kConditioned;
  bool retrieval = false;       // it can be told what happened after similar situations, namely
  std::string key = "context";  // after the nearest windows by this key
  double key_mix = 0.5;         // of a mixed key
  int64_t neighbours = 8;       // so many of them
  double distance_scale = 1;    // a usual distance, not squared
  int64_t evaluations = 1;      // of a one-step model, the most that it was trained for
  std::string fingerprint;      // of its weights
};

class Model {
 public:
  // kNotFound when not trained yet (says which command trains it); kRefused when it belongs to
  // another archive or task; kDataLoss when a checksum fails; kUnsupported for a newer version.
  static Result<std::shared_ptr<const Model>> load(const storage::SeriesStore& store,
                                                   const std::string& task_name,
                                                   const Compute& compute = {});
  virtual ~Model() = default;

  // Where it computes: contexts and states lie there.
  virtual const Compute& compute() const;

  // D(x; sigma) for one query, x [M, T_out, V, P] in target space, any M. `context` has B = 1.
  virtual samplers::Denoiser condition(const ContextBatch& context) const = 0;
  // The same for autograd to follow, if the model has gradients; REQUIRES has_gradients().
  virtual bool has_gradients() const { return false; }
  virtual samplers::TensorDenoiser differentiable(const ContextBatch&) const { return nullptr; }
  // D and the moments of y about it, for the solver gms; empty when the network has no moment heads
  // (has_moments), which `skipcast train --moments` adds. Encodes the context again.
  virtual samplers::MomentDenoiser condition_moments(const ContextBatch& context) const {
    static_cast<void>(context);
    return {};
  }
  virtual bool has_moments() const { return false; }
  // Why there is no copy for a role, or ok.
  virtual Status has_role(Role role) const;
  // REQUIRES has_role(role).ok().
  virtual const RoleInfo& role_info(Role role) const;
  // condition() of the copy; with `retrieved` (B = 1) where it has retrieval, else null. REQUIRES
  // has_role(role).ok().
  virtual samplers::Denoiser condition_as(Role role, const ContextBatch& context,
                                          const RetrievedBatch* retrieved) const;
  // The denoiser's mean forecast at sigma_max (one evaluation, x = 0), for B queries at once:
  // [B, T_out, V, P] in normalised units. The forecast key and residual alignment use it.
  virtual at::Tensor mean_forecast(const ContextBatch& contexts) const = 0;
  // The same of past windows with these origins: those of the training part by a network that was
  // not trained on them, where the model is cross-fitted (folds.h; `skipcast train --cross-fit`).
  virtual at::Tensor past_means(const ContextBatch& contexts, std::span<const int64_t>) const {
    return mean_forecast(contexts);
  }
  virtual bool cross_fitted() const { return false; }

  // The shape of one member's state where the chain runs: [T_out, V, P] in target space. Every
  // state of a chain has it, behind the members; the two functions below are the only passage.
  virtual std::vector<int64_t> state_shape() const = 0;
  // Normalised futures <-> target space; values [M, T_out, V, P], last [V, P] (or [B, V, P] with
  // B = M).
  virtual at::Tensor to_target(const at::Tensor& normalised, const at::Tensor& last) const = 0;
  virtual at::Tensor from_target(const at::Tensor& target, const at::Tensor& last) const = 0;

  // Those two as tensors, for kernels that do more at once; null when they are not of that form.
  virtual const TargetSpace* target_space() const { return nullptr; }

  virtual const Task& task() const = 0;
  virtual const Split& split() const = 0;
  virtual const retrieval::Normalizer& normalizer() const = 0;
  virtual std::string fingerprint() const = 0;  // 16 hex digits: weights, task, archive
  virtual int64_t parameters() const = 0;
};

}  // namespace skipcast::engine
