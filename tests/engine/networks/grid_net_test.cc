// GridNet: odd grids keep their shape, bits do not depend on batch or threads.
#include <ATen/Parallel.h>

#include "engine/networks/network.h"
#include "tests/support/networks.h"
#include "tests/support/torch_doctest.h"

namespace {

using namespace skipcast::engine;
using skipcast::tests::awake;
using skipcast::tests::random_contexts;
using skipcast::tests::random_values;
using skipcast::tests::rows;

NetworkShape grid_shape(int64_t grid_rows, int64_t columns) {
  NetworkShape shape = skipcast::tests::graph_shape(grid_rows * columns);
  shape.rows = grid_rows;
  shape.columns = columns;
  return shape;
}

NetworkOptions small_options() {
  NetworkOptions options;
  options.kind = kGridNet;
  options.width = 16;
  options.context_blocks = 1;
  options.blocks = 1;
  return options;
}

}  // namespace

TEST_CASE("GridNet: odd and even grids come back in their own shape, zero at the start") {
  for (const auto& [grid_rows, columns] : {std::pair<int64_t, int64_t>{5, 9}, {6, 8}, {7, 4}}) {
    const NetworkShape shape = grid_shape(grid_rows, columns);
    const auto network = make_network(small_options(), shape);
    network->initialise(1);
    const at::NoGradGuard no_grad;
    const auto context = network->encode(random_contexts(shape, 2, 5));
    const at::Tensor x = random_values({2, 4, 2, shape.places}, 6);
    const at::Tensor f = network->denoise(x, at::full({1}, 0.3), context);
    CHECK(f.sizes() == x.sizes());
    CHECK(f.abs().max().item<float>() == 0);
    const auto alive = awake(small_options(), shape);
    const at::Tensor g =
        alive->denoise(x, at::full({1}, 0.3), alive->encode(random_contexts(shape, 2, 5)));
    CHECK((g.abs().amax({0, 1, 2}) > 0).all().item<bool>());  // every cell gets an answer
  }
}

TEST_CASE("GridNet: the same bits for any batch size and one or two threads") {
  struct Case {
    int64_t grid_rows, columns, width;
  };
  for (const auto& [grid_rows, columns, width] :
       {Case{5, 9, small_options().width}, {25, 53, small_options().width}, {25, 53, 64}}) {
    const NetworkShape shape = grid_shape(grid_rows, columns);
    NetworkOptions options = small_options();
    options.width = width;
    const auto network = awake(options, shape);
    const at::NoGradGuard no_grad;
    const auto context = network->encode(random_contexts(shape, 1, 5));
    const at::Tensor x = random_values({17, 4, 2, shape.places}, 6), level = at::full({1}, 0.3);
    at::set_num_threads(1);
    const at::Tensor all = network->denoise(x, level, context);
    for (const int threads : {1, 2}) {
      at::set_num_threads(threads);
      for (const int64_t batch : {1, 7, 17}) {
        CAPTURE(columns);
        CAPTURE(width);
        CAPTURE(threads);
        CAPTURE(batch);
        CHECK(at::equal(rows(*network, x, level, context, batch), all));
      }
    }
    at::set_num_threads(1);
  }
}

TEST_CASE("GridNet: permuting members permutes the output; context and level matter") {
  const NetworkShape shape = grid_shape(5, 9);
  const auto network = awake(small_options(), shape);
  const at::NoGradGuard no_grad;
  ContextBatch contexts = random_contexts(shape, 1, 5);
  const auto context = network->encode(contexts);
  const at::Tensor x = random_values({3, 4, 2, 45}, 6), level = at::full({1}, -0.2);
  const at::Tensor f = network->denoise(x, level, context);
  const at::Tensor order = at::tensor({2, 0, 1}, at::kLong);
  CHECK(at::equal(network->denoise(x.index_select(0, order), level, context),
                  f.index_select(0, order)));
  CHECK_FALSE(at::equal(network->denoise(x, level + 0.3, context), f));
  for (at::Tensor* part : {&contexts.values, &contexts.mask, &contexts.base, &contexts.calendar}) {
    const at::Tensor kept = *part;
    *part = kept + 0.5 * random_values(kept.sizes(), 77);
    CHECK_FALSE(at::equal(network->denoise(x, level, network->encode(contexts)), f));
    *part = kept;
  }
}

TEST_CASE("GridNet: on a circle of latitude no column is the first") {
  const NetworkShape shape = grid_shape(6, 16);
  const auto turned = [](const at::Tensor& x, int64_t columns) {
    if (x.numel() == 0) return x;
    const at::Tensor grid = x.reshape({x.size(0), -1, 6, 16});
    return grid.roll(columns, 3).reshape(x.sizes()).contiguous();
  };
  const at::NoGradGuard no_grad;
  for (const bool cyclic : {true, false}) {
    NetworkOptions options = small_options();
    options.cyclic = cyclic;
    const auto network = awake(options, shape);
    network->named_parameters()["position"].zero_();
    const auto f = [&](int64_t columns) {
      ContextBatch contexts = random_contexts(shape, 1, 5);
      for (at::Tensor* each : {&contexts.values, &contexts.mask, &contexts.base}) {
        *each = turned(*each, columns);
      }
      const at::Tensor x = turned(random_values({1, 4, 2, shape.places}, 6), columns);
      return turned(network->denoise(x, at::full({1}, 0.3), network->encode(contexts)), -columns);
    };
    CHECK(at::allclose(f(4), f(0), 1e-4, 1e-5) == cyclic);
  }
}
