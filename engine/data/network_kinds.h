// The kinds of networks that a task can name. Declared here, where tasks are read and checked; the
// table is in engine/networks/network_kinds.cc, beside the networks. Constant, thread-safe.
#pragma once

#include <memory>
#include <span>
#include <string_view>

namespace skipcast::engine {

class Network;          // engine/networks/network.h
struct NetworkShape;    // engine/networks/network.h
struct NetworkOptions;  // engine/data/task.h

struct NetworkKind {
  const char* name;       // in tasks: "network": {"kind": name}
  bool grids_only;        // it needs places on a grid
  bool described_places;  // it can tell places apart by facts about them (place_description.h)
  std::shared_ptr<Network> (*make)(const NetworkOptions& options, const NetworkShape& shape);
};

inline constexpr const char* kGraphNet = "graph";
inline constexpr const char* kGridNet = "grid";

std::span<const NetworkKind> network_kinds();
// REQUIRES a name of the table.
const NetworkKind& network_kind(std::string_view name);

}  // namespace skipcast::engine
