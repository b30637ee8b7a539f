// skipcast doctor: is this machine ready? One line a topic, each with a verdict.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "engine/data/compute.h"
#include "tools/commands/cli.h"
#include "tools/figures/gnuplot.h"

namespace skipcast::tools {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kProductSize = 1024;
constexpr int kProductRuns = 4;
// One core of the last fifteen years reaches 15 with a real BLAS; the reference BLAS reaches 2.
constexpr double kGflopsMin = 8;
constexpr int64_t kDiskMin = int64_t{2} << 30;
constexpr int64_t kMemoryMin = int64_t{4} << 30;

enum class Verdict { kOk, kNote, kBad };

struct Finding {
  std::string topic, text;
  Verdict verdict = Verdict::kOk;
};

const char* word(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kNote:
      return "note";
    case Verdict::kBad:
      return "BAD";
  }
  return "";
}

Finding versions() {
  return {"versions", fmt::format("skipcast {}, LibTorch {}, RocksDB {}, FAISS {}, netCDF {}",
                                  SKIPCAST_VERSION, TORCH_VERSION, SKIPCAST_ROCKSDB_VERSION,
                                  SKIPCAST_FAISS_VERSION, SKIPCAST_NETCDF_VERSION)};
}

double gflops() {
  const at::Tensor a = at::full({kProductSize, kProductSize}, 0.5f);
  at::Tensor b = at::mm(a, a);
  double best_s = 1e9;
  for (int run = 0; run < kProductRuns; ++run) {
    const auto began = std::chrono::steady_clock::now();
    b = at::mm(a, a);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    best_s = std::min(best_s, took.count());
  }
  return 2.0 * kProductSize * kProductSize * kProductSize / best_s * 1e-9;
}

Finding blas() {
  const double speed = gflops();
  const std::string text = fmt::format("{:.0f} GFLOP/s for a {}^3 product", speed, kProductSize);
  if (speed >= kGflopsMin) return {"BLAS", text};
  return {"BLAS",
          text +
              ": a slow BLAS answers in place of LibTorch's. In your own link line put "
              "skipcast (LibTorch) before anything that brings libblas",
          Verdict::kBad};
}

Finding threads() {
  const unsigned cores = std::thread::hardware_concurrency();
  const int used = at::get_num_threads();
  const std::string text = fmt::format("{} cores, LibTorch uses {} threads", cores, used);
  if (used <= static_cast<int>(cores)) return {"threads", text};
  return {"threads", text + ": more threads than cores; look at OMP_NUM_THREADS", Verdict::kNote};
}

Finding memory() {
  std::ifstream in("/proc/meminfo");
  std::string name, unit;
  for (int64_t kb = 0; in >> name >> kb >> unit;) {
    if (name != "MemAvailable:") continue;
    const int64_t bytes = kb * 1024;
    if (bytes >= kMemoryMin) return {"memory", bytes_text(bytes) + " available"};
    return {"memory", bytes_text(bytes) + " available: little for training large archives",
            Verdict::kNote};
  }
  return {"memory", "unknown", Verdict::kNote};
}

Finding gpu() {
  if (!engine::built_for_gpu()) {
    return {"GPU", "not used: this build is for the CPU (tools/setup --cuda, preset cuda)"};
  }
  const char* searches = engine::searches_on_gpu()
                             ? "searches there too"
                             : "searches on the CPU (tools/setup --cuda builds FAISS for it)";
  if (!at::hasCUDA()) {
    return {"GPU",
            fmt::format("this build could use one ({}), but no CUDA device answers: see "
                        "nvidia-smi",
                        searches),
            Verdict::kNote};
  }
  const auto compute = engine::resolve(engine::DeviceChoice::kCuda, engine::Precision::kFloat32);
  if (!compute.ok()) return {"GPU", compute.status().message(), Verdict::kBad};
  return {"GPU", fmt::format("{}, {} free, our kernels built in, {}", engine::describe(*compute),
                             bytes_text(engine::free_bytes(compute->device)), searches)};
}

Finding disk() {
  std::error_code error;
  const fs::space_info space = fs::space(".", error);
  if (error) return {"disk", "the current folder cannot be asked", Verdict::kNote};
  const auto free = static_cast<int64_t>(space.available);
  const std::string text = bytes_text(free) + " free here";
  if (free >= kDiskMin) return {"disk", text};
  return {"disk", text + ": little for archives and models", Verdict::kNote};
}

Finding data() {
  const char* wish = std::getenv("SKIPCAST_DATA_DIR");
  std::error_code ignored;
  if (wish != nullptr && !fs::is_directory(wish, ignored)) {
    return {"data", fmt::format("SKIPCAST_DATA_DIR is {}, but there is no such folder", wish),
            Verdict::kBad};
  }
  const std::string folder = wish != nullptr ? wish : "../shared/data";
  if (fs::is_directory(folder, ignored)) return {"data", folder};
  return {"data",
          "none at hand: tools/quickstart downloads a set or simulates one, data tests are "
          "skipped; set SKIPCAST_DATA_DIR to change that",
          Verdict::kNote};
}

Finding plotting() {
  const Result<std::string> version = gnuplot_version();
  if (version.ok()) return {"gnuplot", *version};
  return {"gnuplot", version.status().message(), Verdict::kBad};
}

Status run_doctor(const Invocation& invocation) {
  const std::vector<Finding> findings = {versions(), blas(), threads(), memory(),
                                         gpu(),      disk(), data(),    plotting()};
  int64_t bad = 0;
  nlohmann::json list = nlohmann::json::array();
  for (const Finding& finding : findings) {
    bad += finding.verdict == Verdict::kBad ? 1 : 0;
    list.push_back(
        {{"topic", finding.topic}, {"verdict", word(finding.verdict)}, {"text", finding.text}});
    if (invocation.json) continue;
    fmt::print("{:<9} {:<5} {}\n", finding.topic, word(finding.verdict), finding.text);
  }
  if (invocation.json) print_json(list);
  if (bad == 0) return {};
  return not_found(fmt::format("{} of the lines above say{} BAD", bad, bad == 1 ? "s" : ""));
}

}  // namespace

void add_doctor(CLI::App& program, Invocation& invocation) {
  CLI::App* command = program.add_subcommand("doctor", "Is this machine ready?");
  add_json_flag(*command, invocation);
  command->callback(
      [&invocation] { invocation.run = [&invocation] { return run_doctor(invocation); }; });
}

}  // namespace skipcast::tools
