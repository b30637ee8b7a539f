// The network and whole forecasts on a device: engine overhead over the bare network there, the GPU
// beside the CPU, CUDA graphs beside single launches, a training step.
//   device_bench [--out FILE.json] [--repetitions 11] [--device auto] [--precision float32]
//                [--scene sensors|grid] [--archive FOLDER --task NAME] [--members 32] [--few 4]
//                [--many 35]
// Without --archive: `sensors` has 207 sensors, 12 states to 12 states, and 34,000 past states;
// `grid` 181 x 360 cells, 4 to 8, and 400. Networks of a few steps: weights do not change speed.
// On a machine without a GPU the pairs of the GPU are left out.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <numeric>

#include "bench/pairs.h"
#include "bench/simulated.h"
#include "engine/forecast/forecaster.h"
#include "engine/methods/method_table.h"
#include "samplers/noise.h"

namespace {

using namespace skipcast;
using bench::argument;
using bench::Pair;
using bench::paired;
using bench::require;
using engine::Compute;
using engine::ForecastOptions;

constexpr double kOverhead = 1.05;
constexpr int64_t kTrainingSteps = 20;

constexpr const char* kSensorTasks = R"([{"name": "bench", "variables": ["x"], "context_states": 12,
  "future_states": 12, "network": {"kind": "graph", "width": 128}}])";
constexpr const char* kGridTasks = R"([{"name": "bench", "variables": ["x"], "context_states": 4,
  "future_states": 8, "network": {"kind": "grid", "width": 64, "context_blocks": 1, "blocks": 1},
  "training": {"batch": 2, "sigma_draws": 1, "validation_windows": 2, "validations": 1}}])";

bench::SimulatedShape shape_of(const std::string& scene) {
  if (scene == "grid") {
    return {.states = 400, .rows = 181, .columns = 360, .tasks_json = kGridTasks};
  }
  return {.states = 34000, .nodes = 207, .tasks_json = kSensorTasks};
}

struct Settings {
  std::string scene, task;
  int64_t members = 32, few = 4, many = 35;
  int repetitions = 11;
};

// A forecaster somewhere, and the bare network there.
struct Place {
  std::unique_ptr<engine::Forecaster> forecaster;
  int64_t origin = 0;
  at::Tensor x;  // standard normal states of the members: on zeros networks are faster

  Place(const storage::SeriesStore& store, const Settings& settings, const Compute& compute)
      : forecaster(require(engine::Forecaster::open(store, settings.task, {},
                                                    storage::kMemoryBytesDefault, compute))) {
    origin = forecaster->dataset().states() - 1;
    std::vector<int64_t> members(static_cast<size_t>(settings.members));
    std::iota(members.begin(), members.end(), int64_t{0});
    const std::vector<int64_t> shape = forecaster->model().state_shape();
    x = samplers::gaussian(1, 0, members, 0, {shape, compute.device});
  }

  // Seconds of so many evaluations, the context encoded once, the last one waited for.
  double forward(int64_t evaluations) const {
    return bench::seconds_of([&] {
      const auto denoise =
          forecaster->model().condition(forecaster->dataset().contexts({&origin, 1}));
      at::Tensor y;
      for (int64_t i = 0; i < evaluations; ++i) y = denoise(x, 1.0);
      y.flatten()[0].item<float>();
    });
  }

  double forecast(int64_t steps) const {
    ForecastOptions options = {{.steps = steps}, {.members = x.size(0)}};
    options.depth.entry_sigma = 5;
    return bench::seconds_of([&] { require(forecaster->forecast(origin, options)); });
  }
};

void overhead(const Place& place, const Settings& s, std::vector<Pair>& pairs) {
  for (const int64_t nfe : {s.few, s.many}) {
    place.forecast(nfe);
    place.forward(nfe);
    const auto medians = bench::interleaved(
        s.repetitions, [&] { return place.forecast(nfe); }, [&] { return place.forward(nfe); });
    pairs.push_back(
        paired(fmt::format("{}: forecast of {} beside {} bare evaluations, {}", s.scene, s.members,
                           nfe, describe(place.forecaster->model().compute())),
               medians, kOverhead));
  }
}

// Ours here, raw there; a ratio below 1 is a gain.
void beside(const Place& ours, const Place& raw, const Settings& s, const std::string& what,
            std::vector<Pair>& pairs) {
  for (const int64_t nfe : {int64_t{1}, s.few, s.many}) {
    const auto of = [&](const Place& place) {
      return nfe == 1 ? place.forward(1) : place.forecast(nfe);
    };
    of(ours);
    of(raw);
    const auto medians = bench::interleaved(
        s.repetitions, [&] { return of(ours); }, [&] { return of(raw); });
    const std::string work = nfe == 1 ? "forward" : fmt::format("forecast of {} NFE", nfe);
    pairs.push_back(
        paired(fmt::format("{}: {}, {} members, {}", s.scene, work, s.members, what), medians, 1));
  }
}

// Seconds a training step, the start of the run left out by a difference of two runs.
double step_seconds(const storage::SeriesStore& store, const std::string& task,
                    const Compute& compute) {
  const auto run = [&](int64_t steps) {
    return require(engine::train(store, {.task = task, .steps_max = steps, .compute = compute}))
        .seconds;
  };
  const double few = run(2), many = run(2 + kTrainingSteps);
  return std::max(many - few, 1e-9) / static_cast<double>(kTrainingSteps);
}

}  // namespace

int main(int argc, char** argv) {
  const at::NoGradGuard no_grad;
  const auto wish = [&](const char* name, const char* otherwise) {
    return argument(argc, argv, name, otherwise);
  };
  const std::string archive = wish("--archive", "");
  Settings settings = {.scene = wish("--scene", "sensors"), .task = wish("--task", "bench")};
  settings.members = std::atoll(wish("--members", "32").c_str());
  settings.few = std::atoll(wish("--few", "4").c_str());
  settings.many = std::atoll(wish("--many", "35").c_str());
  settings.repetitions = std::atoi(wish("--repetitions", "11").c_str());
  const Compute compute =
      require(engine::resolve(require(engine::device_from(wish("--device", "auto"))),
                              require(engine::precision_from(wish("--precision", "float32")))));
  const std::string folder = archive.empty() ? bench::temporary_folder() : "";
  std::unique_ptr<storage::SeriesStore> store;
  if (archive.empty()) {
    store = bench::simulated(folder + "/bench.skc", shape_of(settings.scene));
    require(engine::train(*store, {.task = settings.task, .steps_max = 2, .compute = compute}));
  } else {
    store = require(storage::SeriesStore::open(archive, storage::OpenMode::kReadOnly));
    settings.scene = settings.task;
  }
  std::vector<Pair> pairs;
  const Place place(*store, settings, compute);
  overhead(place, settings, pairs);
  if (compute.device.is_cuda()) {
    beside(place, Place(*store, settings, {}), settings, "GPU beside CPU", pairs);
    Compute launches = compute;
    launches.graphs = false;
    beside(place, Place(*store, settings, launches), settings, "graphs beside launches", pairs);
    if (archive.empty()) {
      pairs.push_back(paired(
          settings.scene + ": a training step, GPU beside CPU",
          {step_seconds(*store, settings.task, compute), step_seconds(*store, settings.task, {})},
          1));
    }
  }
  const int status = bench::report(pairs, bench::out_file(argc, argv));
  if (!folder.empty()) std::filesystem::remove_all(folder);
  return status;
}
