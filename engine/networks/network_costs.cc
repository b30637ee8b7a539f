#include "engine/networks/network_costs.h"

#include <algorithm>

#include "engine/data/network_kinds.h"

namespace skipcast::engine {
namespace {

constexpr double kFloat = sizeof(float);

// A transformer's block, of one token; counted by hand from graph_net.cc and layers.cc.
struct BlockCost {
  double flops, floats, parameters;
};
BlockCost block_cost(const NetworkOptions& o, double tokens, bool modulated) {
  const auto w = static_cast<double>(o.width), heads = static_cast<double>(o.heads);
  const double hidden = w * static_cast<double>(o.mlp_ratio);
  const auto points = static_cast<double>(o.inducing);
  const double matrices = 4 * w * w + 2 * w * hidden;
  BlockCost cost = {2 * matrices, 20 * w + 2 * hidden, matrices};
  if (points == 0) {
    cost.flops += 4 * tokens * w;
    cost.floats += 2 * heads * tokens;
  } else {
    cost.flops += 8 * points * w + 6 * w * w * points / tokens;
    cost.floats += 4 * heads * points;
    cost.parameters += 3 * w * w + points * w;
  }
  if (modulated) cost.parameters += 6 * w * w;
  return cost;
}

NetworkCost graph_cost(const NetworkOptions& o, const NetworkShape& shape) {
  const auto w = static_cast<double>(o.width), tokens = static_cast<double>(shape.places);
  const int64_t channels = shape.context_variables + shape.variables;
  const auto features =
      static_cast<double>(shape.context_states * channels + shape.base_states * shape.variables);
  const auto outputs = static_cast<double>(shape.future_states * shape.variables);
  const auto deep = static_cast<double>(o.blocks), wide = static_cast<double>(o.context_blocks);
  const BlockCost context = block_cost(o, tokens, false), block = block_cost(o, tokens, true);
  NetworkCost cost;
  cost.encode_flops = tokens * (2 * features * w + 2 * w * w + wide * context.flops);
  cost.denoise_flops = tokens * (4 * outputs * w + deep * block.flops);
  cost.encode_bytes = kFloat * tokens * (3 * features + 4 * w + wide * context.floats);
  cost.denoise_bytes = kFloat * tokens * (6 * outputs + 4 * w + deep * block.floats);
  cost.working_bytes = kFloat * tokens * (4 * outputs + 3 * w + block.floats / 2);
  cost.parameters = tokens * w + (features + 2 * outputs) * w + 4 * w * w +
                    wide * context.parameters + deep * block.parameters;
  cost.attending = shape.places;
  return cost;
}

// A U-Net, of one row; counted by hand from grid_net.cc.
struct UNetCost {
  double flops, floats, parameters;
};
UNetCost unet_cost(const NetworkOptions& o, double in, double blocks, double cells) {
  const auto fine = static_cast<double>(o.width), points = static_cast<double>(o.inducing);
  const double coarse = 1.5 * fine, deep_cells = cells / 4;
  const double fine_convs = 9 * (in * fine + 4 * blocks * fine * fine);
  const double deep_convs = 9 * (fine * coarse + 2 * (blocks + 1) * coarse * coarse);
  const double attention = 4 * coarse * coarse;
  const double seen = points == 0 ? 4 * deep_cells * coarse : 8 * points * coarse;
  const double weights = points == 0 ? deep_cells : 2 * points;
  const auto heads = static_cast<double>(o.heads);
  return {2 * (cells * fine_convs + deep_cells * (deep_convs + attention)) + deep_cells * seen,
          cells * (in + (20 * blocks + 3) * fine) +
              deep_cells * ((10 * (blocks + 1) + 12) * coarse + 2 * heads * weights),
          fine_convs + deep_convs + attention};
}

NetworkCost grid_cost(const NetworkOptions& o, const NetworkShape& shape) {
  constexpr double kFold = 4, kPosition = 4;
  const auto cells = static_cast<double>(((shape.rows + 1) / 2) * ((shape.columns + 1) / 2));
  const auto fine = static_cast<double>(o.width);
  const auto context = static_cast<double>(shape.context_states * shape.context_variables +
                                           (shape.base_states + 1) * shape.variables);
  const auto field = static_cast<double>(shape.future_states * shape.variables);
  const auto wide = static_cast<double>(std::max<int64_t>(1, o.context_blocks));
  const UNetCost encoder = unet_cost(o, context * kFold + kPosition, wide, cells);
  const UNetCost decoder = unet_cost(o, field * kFold + fine, static_cast<double>(o.blocks), cells);
  const double last = 9 * fine * field * kFold;
  NetworkCost cost;
  cost.encode_flops = encoder.flops + 2 * cells * fine * fine;
  cost.denoise_flops = decoder.flops + 2 * cells * last;
  cost.encode_bytes = kFloat * (encoder.floats + cells * 2 * fine);
  cost.denoise_bytes = kFloat * (decoder.floats + cells * (4 * kFold * field + 3 * fine));
  cost.working_bytes = kFloat * cells * (4 * kFold * field + 8 * fine);
  cost.parameters = encoder.parameters + decoder.parameters + last + fine * fine;
  cost.attending = static_cast<int64_t>(cells / 4);
  return cost;
}

}  // namespace

NetworkCost network_cost(const NetworkOptions& options, const NetworkShape& shape) {
  return network_kind(options.kind).grids_only ? grid_cost(options, shape)
                                               : graph_cost(options, shape);
}

}  // namespace skipcast::engine
