#include "tools/commands/compute_flags.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace skipcast::tools {

void add_compute_flags(CLI::App& command, ComputeFlags& flags) {
  command
      .add_option("--device", flags.device,
                  "where the network runs: auto (a GPU if there is one), cpu, cuda")
      ->capture_default_str();
  command
      .add_option("--precision", flags.precision,
                  "of the network's products: float32, tf32 (GPU), bfloat16")
      ->capture_default_str();
  command.add_flag("--no-graphs", flags.no_graphs,
                   "launch every kernel by itself, not from CUDA graphs");
  command.add_flag("--half-archive", flags.half_archive,
                   "float16 for the archive on a GPU: half its memory");
}

Result<engine::Compute> compute_of(const ComputeFlags& flags) {
  SKIPCAST_TRY(const engine::DeviceChoice device, engine::device_from(flags.device));
  SKIPCAST_TRY(const engine::Precision precision, engine::precision_from(flags.precision));
  SKIPCAST_TRY(engine::Compute compute, engine::resolve(device, precision));
  compute.graphs = !flags.no_graphs;
  compute.half_archive = flags.half_archive;
  return compute;
}

}  // namespace skipcast::tools
