// Costs of networks: near what the networks themselves count, and growing as they do.
#include "engine/networks/network_costs.h"

#include "engine/data/network_kinds.h"
#include "tests/support/networks.h"
#include "tests/support/torch_doctest.h"

namespace {

using namespace skipcast::engine;
using skipcast::tests::graph_shape;

NetworkShape grid_shape(int64_t rows, int64_t columns) {
  NetworkShape shape = graph_shape(rows * columns);
  shape.rows = rows;
  shape.columns = columns;
  return shape;
}

NetworkOptions options(const char* kind, int64_t width, int64_t inducing = 0) {
  NetworkOptions made;
  made.kind = kind;
  made.width = width;
  made.inducing = inducing;
  return made;
}

}  // namespace

TEST_CASE("Network costs: weights are counted to a fifth") {
  for (const int64_t width : {32, 96}) {
    for (const int64_t inducing : {0, 16}) {
      const NetworkOptions graph = options(kGraphNet, width, inducing);
      const NetworkOptions grid = options(kGridNet, width, inducing);
      const NetworkShape places = graph_shape(50), cells = grid_shape(12, 20);
      const auto ratio = [](const NetworkOptions& o, const NetworkShape& shape) {
        const auto real = static_cast<double>(make_network(o, shape)->parameter_count());
        return network_cost(o, shape).parameters / real;
      };
      CAPTURE(width);
      CAPTURE(inducing);
      CHECK(std::abs(ratio(graph, places) - 1) < 0.2);
      CHECK(std::abs(ratio(grid, cells) - 1) < 0.2);
    }
  }
}

TEST_CASE("Network costs: full attention grows with the square of places, inducing points do not") {
  const auto growth = [](int64_t inducing) {
    const NetworkOptions o = options(kGraphNet, 64, inducing);
    return network_cost(o, graph_shape(8000)).denoise_flops /
           network_cost(o, graph_shape(4000)).denoise_flops;
  };
  CHECK(growth(0) > 3.5);
  CHECK(std::abs(growth(16) - 2) < 0.01);
  const NetworkOptions grid = options(kGridNet, 64, 32);
  const double cells = network_cost(grid, grid_shape(120, 240)).denoise_bytes;
  CHECK(std::abs(cells / network_cost(grid, grid_shape(60, 120)).denoise_bytes - 4) < 0.01);
}

TEST_CASE("Network costs: wider, deeper and more places cost more") {
  const NetworkShape shape = graph_shape(20);
  const NetworkCost base = network_cost(options(kGraphNet, 32), shape);
  NetworkOptions deep = options(kGraphNet, 32);
  deep.blocks = 6;
  for (const NetworkCost& more :
       {network_cost(options(kGraphNet, 64), shape), network_cost(deep, shape),
        network_cost(options(kGraphNet, 32), graph_shape(40))}) {
    CHECK(more.denoise_flops > base.denoise_flops);
    CHECK(more.denoise_bytes > base.denoise_bytes);
    CHECK(more.parameters > base.parameters);
  }
  CHECK(base.attending == 20);
}
