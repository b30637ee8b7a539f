#include "engine/data/network_kinds.h"

#include <array>

#include "storage/status.h"

namespace skipcast::engine {

std::shared_ptr<Network> make_graph_net(const NetworkOptions& options, const NetworkShape& shape);
std::shared_ptr<Network> make_grid_net(const NetworkOptions& options, const NetworkShape& shape);

namespace {

constexpr std::array kNetworkKinds = {
    NetworkKind{kGraphNet, false, true, make_graph_net},
    NetworkKind{kGridNet, true, false, make_grid_net},
};

}  // namespace

std::span<const NetworkKind> network_kinds() { return kNetworkKinds; }

const NetworkKind& network_kind(std::string_view name) {
  for (const NetworkKind& kind : kNetworkKinds) {
    if (name == kind.name) return kind;
  }
  SKIPCAST_CHECK(false);
  return kNetworkKinds[0];
}

}  // namespace skipcast::engine
