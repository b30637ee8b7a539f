// Random batches and networks for tests of the networks. Include after LibTorch's headers.
#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "engine/networks/network.h"
#include "samplers/noise.h"

namespace skipcast::tests {

inline at::Tensor random_values(at::IntArrayRef shape, int64_t stream) {
  const std::vector<int64_t> member = {0};
  return samplers::gaussian(9, 1, member, stream, shape).squeeze(0);
}

// Four context and four future states, 2 targets among 3 context variables, with a base.
inline engine::NetworkShape graph_shape(int64_t places) {
  engine::NetworkShape shape;
  shape.context_states = shape.future_states = 4;
  shape.variables = 2;
  shape.context_variables = 3;
  shape.places = places;
  shape.calendar = 5;
  shape.base_states = 8;
  return shape;
}

// A small network of this kind, and a shape that it fits.
inline engine::NetworkOptions small_options(const std::string& kind) {
  engine::NetworkOptions options;
  options.kind = kind;
  options.width = 16;
  options.heads = 2;
  options.blocks = options.context_blocks = 1;
  return options;
}

inline engine::NetworkShape shape_for(const std::string& kind) {
  engine::NetworkShape shape = graph_shape(kind == engine::kGridNet ? 15 : 5);
  if (kind == engine::kGridNet) shape.rows = 3, shape.columns = 5;
  return shape;
}

inline engine::ContextBatch random_contexts(const engine::NetworkShape& s, int64_t batch,
                                            int64_t stream) {
  engine::ContextBatch made;
  made.values = random_values({batch, s.context_states, s.context_variables, s.places}, stream);
  made.mask = (made.values > -1).to(at::kFloat);
  made.calendar = random_values({batch, s.calendar}, stream + 1);
  made.base = random_values({batch, s.base_states, s.variables, s.places}, stream + 2);
  made.last = made.values.select(1, s.context_states - 1).narrow(1, 0, s.variables).contiguous();
  return made;
}

// A network in evaluation whose zero-initialised parameters are not zero.
inline std::shared_ptr<engine::Network> awake(const engine::NetworkOptions& options,
                                              const engine::NetworkShape& shape) {
  const auto network = engine::make_network(options, shape);
  network->initialise(1);
  const at::NoGradGuard no_grad;
  int64_t stream = 100;
  for (auto& parameter : network->parameters()) {
    parameter.add_(0.1 * random_values({parameter.numel()}, ++stream).view_as(parameter));
  }
  network->eval();
  return network;
}

// denoise() in pieces of `batch` members.
inline at::Tensor rows(engine::Network& network, const at::Tensor& x, const at::Tensor& level,
                       const std::vector<at::Tensor>& context, int64_t batch) {
  std::vector<at::Tensor> parts;
  for (int64_t first = 0; first < x.size(0); first += batch) {
    const int64_t count = std::min(batch, x.size(0) - first);
    parts.push_back(network.denoise(x.narrow(0, first, count), level, context));
  }
  return at::cat(parts);
}

}  // namespace skipcast::tests
