// A whole forecast beside the bare network: retrieval, starts, noise, solver and de-normalising
// must cost little next to the evaluations themselves.
//   forecast_bench [--out FILE.json] [--repetitions 31] [--archive FOLDER --task NAME]
// ours = Forecaster::forecast() for 32 members; raw = the network alone: the context encoded once,
// NFE calls of the denoiser on 32 members, and the evaluation that all members share, if any.
// And every solver on ten levels, its noise included, beside as many bare calls of the denoiser.
// Without --archive a small archive is simulated and its network trained for a few steps: bits of
// the weights do not change its speed. The members must be noise: on zeros the network is a tenth
// faster.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "bench/pairs.h"
#include "bench/simulated.h"
#include "engine/forecast/forecaster.h"
#include "engine/methods/method_table.h"
#include "samplers/noise.h"
#include "samplers/schedule.h"
#include "samplers/solvers/solvers.h"

namespace {

using namespace skipcast;
using bench::argument;
using bench::require;
using engine::Alignment;
using engine::ForecastOptions;
using engine::KeyKind;
using engine::StartKind;

constexpr int64_t kStates = 12000, kPlaces = 12, kMembers = 32;
constexpr double kTarget = 1.05, kSolverTarget = 1.02;
constexpr int64_t kLevels = 10;

constexpr const char* kTasks = R"([{"name": "bench", "variables": ["x"], "context_states": 24,
  "future_states": 24, "network": {"kind": "graph", "width": 128}}])";

struct Case {
  std::string name;
  ForecastOptions options;
};

std::vector<Case> cases() {
  ForecastOptions cold = {{.start = {.kind = StartKind::kCold}, .steps = 10},
                          {.members = kMembers}};
  ForecastOptions context = {{.steps = 4}, {.members = kMembers}};
  context.depth.entry_sigma = 5;
  ForecastOptions forecast = {{.steps = 3}, {.members = kMembers}};
  forecast.start.key = KeyKind::kForecast;
  forecast.start.alignment = Alignment::kResidual;
  forecast.depth.entry_sigma = 3;
  return {{"forecast, analogs by context key, 4 NFE, 32 members", context},
          {"forecast, analogs by forecast key, 3 NFE, 32 members", forecast},
          {"forecast, cold, 10 NFE, 32 members", cold}};
}

// Standard normal states of the members, as the network sees them.
struct Scene {
  samplers::Denoiser denoise;
  std::vector<int64_t> members, shape;
  at::Tensor x;

  explicit Scene(const engine::Forecaster& forecaster) : members(kMembers) {
    const int64_t origin = forecaster.dataset().states() - 1;
    const engine::ContextBatch context = forecaster.dataset().contexts({&origin, 1});
    denoise = forecaster.model().condition(context);
    std::iota(members.begin(), members.end(), int64_t{0});
    shape = forecaster.model().state_shape();
    x = samplers::gaussian(1, 0, members, 0, shape);
  }
};

bench::Pair of_solver(const Scene& scene, const samplers::NamedSolver& solver, int repetitions) {
  const auto sigmas = samplers::karras(kLevels, {.sigma_min = 0.02, .sigma_max = 20});
  const samplers::Noising noising = {.draw = [&scene](int64_t draw) {
    return samplers::gaussian(1, 0, scene.members, draw, scene.shape);
  }};
  const int64_t nfe = samplers::evaluations(solver, sigmas, noising);
  const at::Tensor entry = scene.x * sigmas.front();
  const auto ours = [&] {
    return bench::seconds_of([&] { solver.solve(scene.denoise, entry, sigmas, noising); });
  };
  const auto raw = [&] {
    return bench::seconds_of([&] {
      for (int64_t i = 0; i < nfe; ++i) scene.denoise(scene.x, 1.0);
    });
  };
  for (int i = 0; i < 3; ++i) raw();
  return bench::paired(fmt::format("{}, {} levels, {} NFE, 32 members", solver.name, kLevels, nfe),
                       bench::interleaved(repetitions, ours, raw), kSolverTarget);
}

bench::Pair measured(engine::Forecaster& forecaster, const Case& each, int repetitions) {
  const engine::Model& model = forecaster.model();
  const int64_t origin = forecaster.dataset().states() - 1;
  const engine::ContextBatch context = forecaster.dataset().contexts({&origin, 1});
  const at::Tensor x = Scene(forecaster).x;
  const auto ours = [&] {
    return bench::seconds_of([&] { require(forecaster.forecast(origin, each.options)); });
  };
  const engine::Forecast made = require(forecaster.forecast(origin, each.options));
  const auto raw = [&] {
    return bench::seconds_of([&] {
      const samplers::Denoiser denoise = model.condition(context);
      for (int64_t i = 0; i < made.nfe; ++i) denoise(x, 1.0);
      for (int64_t i = 0; i < made.nfe_shared; ++i) denoise(x.narrow(0, 0, 1), 1.0);
    });
  };
  for (int i = 0; i < 3; ++i) raw();
  return bench::paired(each.name, bench::interleaved(repetitions, ours, raw), kTarget);
}

}  // namespace

int main(int argc, char** argv) {
  const at::NoGradGuard no_grad;
  const std::string archive = argument(argc, argv, "--archive", "");
  const std::string task = argument(argc, argv, "--task", "bench");
  const int repetitions = std::atoi(argument(argc, argv, "--repetitions", "31").c_str());
  const std::string folder = archive.empty() ? bench::temporary_folder() : "";
  std::unique_ptr<storage::SeriesStore> store;
  if (archive.empty()) {
    store = bench::simulated(folder + "/bench.skc",
                             {.states = kStates, .nodes = kPlaces, .tasks_json = kTasks});
    require(engine::train(*store, {.task = task, .steps_max = 3}));
  } else {
    store = require(storage::SeriesStore::open(archive, storage::OpenMode::kReadOnly));
  }
  const auto forecaster = require(engine::Forecaster::open(*store, task));
  std::vector<bench::Pair> pairs;
  for (const Case& each : cases()) {
    const Status ready = forecaster->prepare(each.options);
    if (!ready.ok()) {
      fmt::print(stderr, "forecast_bench: {}\n", ready.message());
      return 1;
    }
    pairs.push_back(measured(*forecaster, each, repetitions));
  }
  const Scene scene(*forecaster);
  for (const samplers::NamedSolver& solver : samplers::solvers()) {
    if (solver.needs_moments) continue;
    pairs.push_back(of_solver(scene, solver, repetitions));
  }
  const int status = bench::report(pairs, bench::out_file(argc, argv));
  if (!folder.empty()) std::filesystem::remove_all(folder);
  return status;
}
