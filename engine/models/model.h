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

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/data/compute.h"
#include "engine/data/dataset.h"
#include "engine/data/task.h"
#include "engine/networks/attachments.h"
#include "engine/settings/copy_kinds.h"
#include "samplers/levels/optimised_levels.h"
#include "samplers/precondition.h"

namespace skipcast::engine {

struct TargetSpace;     // engine/data/target_space.h
struct RetrievedBatch;  // engine/data/retrieved_futures.h

// A copy of the model's network (engine/models/network_copy.h), ready for use. Thread-safe.
struct ModelCopy {
  CopyInfo info;
  // Its denoiser for one query; with `retrieved` (B = 1) where info.retrieval, else null.
  std::function<samplers::Denoiser(const ContextBatch& context, const RetrievedBatch* retrieved)>
      condition;
};

// Abilities (Model::can) that are no attachment.
inline constexpr const char* kGradients = "gradients";
inline constexpr const char* kCrossFitted = "cross-fitted";  // past_means() are out of sample

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

  // How many networks it has, trained from different seeds: members are assigned to them in turn.
  virtual int64_t networks() const { return 1; }
  // D(x; sigma) for one query, x [M, T_out, V, P] in target space, any M. `context` has B = 1. By
  // the first network; condition_by() by any of them, from 0.
  virtual samplers::Denoiser condition(const ContextBatch& context) const = 0;
  virtual samplers::Denoiser condition_by(int64_t network, const ContextBatch& context) const {
    SKIPCAST_CHECK(network == 0);
    return condition(context);
  }
  // What it can do besides: kGradients, kCrossFitted, or by the name of an attachment of its
  // network (engine/networks/attachments.h).
  virtual bool can(std::string_view ability) const {
    static_cast<void>(ability);
    return false;
  }
  // The same for autograd to follow; REQUIRES can(kGradients).
  virtual samplers::TensorDenoiser differentiable(const ContextBatch&) const { return nullptr; }
  // D and the moments of y about it, for the solver gms; empty when the network has no moment heads
  // (can(kMomentHeads)), which `skipcast train --moments` adds. Encodes the context again.
  virtual samplers::MomentDenoiser condition_moments(const ContextBatch& context) const {
    static_cast<void>(context);
    return {};
  }
  // The copy of a kind, by name (engine/settings/copy_kinds.h): read at the first call, whose
  // outcome stays. Errors as read_copy()'s (engine/models/network_copy.h).
  virtual Result<std::shared_ptr<const ModelCopy>> copy(const std::string& kind) const;
  // The mean over networks of their mean forecasts at sigma_max (one evaluation each, x = 0), for B
  // queries at once: [B, T_out, V, P] in normalised units. The forecast key and residual alignment
  // use it.
  virtual at::Tensor mean_forecast(const ContextBatch& contexts) const = 0;
  // The same of past windows with these origins: those of the training part by a network that was
  // not trained on them, where the model is cross-fitted (folds.h; `skipcast train --cross-fit`).
  virtual at::Tensor past_means(const ContextBatch& contexts, std::span<const int64_t>) const {
    return mean_forecast(contexts);
  }

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
