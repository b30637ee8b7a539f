// The command-line options that say where networks run, shared by subcommands.
#pragma once

#include <string>

#include "engine/data/compute.h"
#include "storage/status.h"

namespace CLI {
class App;
}

namespace skipcast::tools {

struct ComputeFlags {
  std::string device = "auto", precision = "float32";
  bool no_graphs = false, half_archive = false;
};

// Declares --device, --precision, --no-graphs and --half-archive.
void add_compute_flags(CLI::App& command, ComputeFlags& flags);

// kUsage lists the words that would do; kUnsupported when there is no such device.
Result<engine::Compute> compute_of(const ComputeFlags& flags);

}  // namespace skipcast::tools
