#include "engine/networks/network.h"

#include <ATen/core/grad_mode.h>
#include <torch/nn/modules/normalization.h>

#include <algorithm>

#include "engine/data/network_kinds.h"
#include "engine/data/place_description.h"
#include "engine/networks/attachment.h"
#include "engine/networks/attachments.h"

namespace skipcast::engine {

NetworkShape shape_of(const Task& task, const storage::Places& places, bool by_slot) {
  NetworkShape shape;
  shape.context_states = task.spec.context_states;
  shape.future_states = task.spec.future_states;
  shape.variables = static_cast<int64_t>(task.variables.size());
  shape.context_variables = static_cast<int64_t>(task.context_variables.size());
  shape.places = places.count();
  shape.calendar = calendar_features(task);
  if (by_slot) shape.base_states = task.spec.span();
  if (places.kind == storage::PlacesKind::kGrid) {
    shape.rows = static_cast<int64_t>(places.lat.size());
    shape.columns = static_cast<int64_t>(places.lon.size());
  }
  return shape;
}

NetworkShape shape_of(const Task& task, const storage::Places& places,
                      const retrieval::Normalizer& normalizer, const TargetSpace& target) {
  const bool by_slot = normalizer.slots() > 1;
  NetworkShape shape = shape_of(task, places, by_slot);
  if (by_slot) shape.base_size = base_size(normalizer, shape.variables);
  if (!places.adjacency.empty()) {
    auto* data = const_cast<float*>(places.adjacency.data());  // cloned at once
    shape.adjacency = at::from_blob(data, {shape.places, shape.places}, at::kFloat).clone();
  }
  if (task.network.described_places) {
    shape.description = describe_places(places, normalizer, target);
  }
  return shape;
}

namespace {

// How often a batch is repeated to be large enough. In training a single row of many places is.
int64_t repeats_of(int64_t rows, int64_t places) {
  const int64_t rows_min = at::GradMode::is_enabled() ? 1 : kRowsMin;
  const int64_t wanted = std::max(rows_min, (kTokensMin + places - 1) / places);
  return (wanted + rows - 1) / rows;
}

at::Tensor repeated(const at::Tensor& x, int64_t times) {
  std::vector<int64_t> counts(static_cast<size_t>(x.dim()), 1);
  counts[0] = times;
  return x.repeat(counts);
}

struct Batch {
  at::Tensor x, c_noise;
  std::vector<at::Tensor> conditioning;
};

// What `run` makes of the rows in a batch that is large enough.
template <typename Run>
at::Tensor in_large_batches(const at::Tensor& x, const at::Tensor& c_noise,
                            const std::vector<at::Tensor>& conditioning, const Run& run) {
  const int64_t rows = x.size(0), times = repeats_of(rows, x.size(-1));
  if (times == 1) return run({x, c_noise, conditioning});
  Batch batch = {repeated(x, times), c_noise, conditioning};
  if (c_noise.size(0) > 1) batch.c_noise = repeated(c_noise, times);
  for (at::Tensor& part : batch.conditioning) {
    if (part.size(0) > 1) part = repeated(part, times);
  }
  return run(batch).narrow(0, 0, rows);
}

}  // namespace

std::vector<at::Tensor> Network::encode(const ContextBatch& contexts) {
  const int64_t rows = contexts.values.size(0);
  const int64_t times = repeats_of(rows, contexts.values.size(-1));
  if (times == 1) return encode_rows(contexts);
  ContextBatch many = contexts;
  for (at::Tensor* part : {&many.values, &many.mask, &many.calendar, &many.base, &many.last}) {
    *part = repeated(*part, times);
  }
  std::vector<at::Tensor> encoded = encode_rows(many);
  for (at::Tensor& part : encoded) part = part.narrow(0, 0, rows);
  return encoded;
}

at::Tensor Network::denoise(const at::Tensor& x, const at::Tensor& c_noise,
                            const std::vector<at::Tensor>& conditioning) {
  return in_large_batches(x, c_noise, conditioning, [this](const Batch& batch) {
    return output_rows(trunk_rows(batch.x, batch.c_noise, batch.conditioning), batch.x.sizes());
  });
}

Network::Outputs Network::denoise_with(const std::string& name, const at::Tensor& x,
                                       const at::Tensor& c_noise,
                                       const std::vector<at::Tensor>& conditioning) {
  Attachment* reader = attachment(name);
  SKIPCAST_CHECK(reader != nullptr);
  at::Tensor read;
  at::Tensor f = in_large_batches(x, c_noise, conditioning, [&](const Batch& batch) {
    const at::Tensor features = trunk_rows(batch.x, batch.c_noise, batch.conditioning);
    read = reader->read(*this, features, batch.c_noise).narrow(0, 0, x.size(0));
    return output_rows(features, batch.x.sizes());
  });
  return {std::move(f), std::move(read)};
}

std::vector<at::Tensor> Network::conditioned_by(const std::string& name,
                                                const std::vector<at::Tensor>& encoded,
                                                const std::vector<at::Tensor>& inputs) {
  Attachment* mover = attachment(name);
  SKIPCAST_CHECK(mover != nullptr && encoded.size() == 1);
  const at::Tensor& h = encoded[0];
  const int64_t rows = h.size(0), times = repeats_of(rows, shape_.places);
  if (times == 1) return {mover->condition(*this, h, inputs)};
  std::vector<at::Tensor> many;
  for (const at::Tensor& part : inputs) many.push_back(repeated(part, times));
  return {mover->condition(*this, repeated(h, times), many).narrow(0, 0, rows)};
}

Attachment& Network::attach(const std::string& name, uint64_t seed) {
  SKIPCAST_CHECK(attachment(name) == nullptr);
  const std::shared_ptr<Attachment> made = attachment_kind(name).make(*this);
  attachments_.push_back(register_module(name, made));
  attached_.push_back(name);
  made->initialise(seed);
  return *made;
}

Attachment* Network::attachment(std::string_view name) const {
  const auto found = std::find(attached_.begin(), attached_.end(), name);
  if (found == attached_.end()) return nullptr;
  return attachments_[static_cast<size_t>(found - attached_.begin())].get();
}

void Network::initialise(uint64_t seed) {
  const at::NoGradGuard no_grad;
  fill_parameters(*this, seed, 0);
  for (auto& module : modules(false)) {
    if (auto* norm = module->as<torch::nn::LayerNormImpl>(); norm && norm->weight.defined()) {
      norm->weight.fill_(1);
    }
    if (auto* norm = module->as<torch::nn::GroupNormImpl>()) norm->weight.fill_(1);
  }
  initialise_special(seed);
}

int64_t Network::parameter_count() const {
  int64_t count = 0;
  for (const auto& parameter : parameters()) count += parameter.numel();
  return count;
}

std::shared_ptr<Network> make_network(const NetworkOptions& options, const NetworkShape& shape) {
  return network_kind(options.kind).make(options, shape);
}

}  // namespace skipcast::engine
