// The cost of training: parts of a batch, what they keep, and the speed of this machine.
#include "engine/training/cost_model.h"

#include <filesystem>
#include <fstream>

#include "engine/training/memory_limit.h"
#include "engine/training/speed_probe.h"
#include "tests/support/networks.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"

namespace {

using namespace skipcast::engine;
using skipcast::tests::graph_shape;
using skipcast::tests::TempDir;

}  // namespace

TEST_CASE("Cost model: small batches are one part, large ones are of even parts") {
  Task task;
  const TrainingCost small = training_cost(task, graph_shape(10));
  CHECK(small.windows_at_once == task.training.batch);
  const TrainingCost large = training_cost(task, graph_shape(400));
  CHECK(large.windows_at_once < task.training.batch);
  CHECK(large.windows_at_once * large.window_bytes <= kPartBytes);
  CHECK(training_cost(task, graph_shape(100000)).windows_at_once == 1);
  CHECK(training_cost(task, graph_shape(400), true).windows_at_once > large.windows_at_once);
}

TEST_CASE("Cost model: fewer draws and windows of validation cost less") {
  Task task;
  const NetworkShape shape = graph_shape(50);
  const TrainingCost all = training_cost(task, shape);
  task.training.sigma_draws = 1;
  task.training.validation_windows = 32;
  const TrainingCost less = training_cost(task, shape);
  CHECK(less.window_flops < all.window_flops / 2);
  CHECK(std::abs(all.validation_flops / less.validation_flops - 4) < 1e-9);
  CHECK(validation_windows_at_once(task.network, shape) == 8);
  CHECK(validation_windows_at_once(task.network, graph_shape(50000)) == 1);
}

TEST_CASE("Speed probe: a wider network takes longer") {
  Task task;
  task.network.width = 16;
  task.training.batch = 4;
  const NetworkShape shape = graph_shape(30);
  const double narrow = measured_window_seconds(task, shape, {});
  task.network.width = 256;
  const double wide = measured_window_seconds(task, shape, {});
  CHECK(narrow > 0);
  CHECK(wide > narrow);
  task.network.raw_values = true;  // whose sizes are not fitted yet
  CHECK(measured_window_seconds(task, shape, {}) > 0);
}

TEST_CASE("Memory limit: the least of what the system has and the group may take") {
  const TempDir folder;
  const std::string root = folder.file("root");
  const auto write = [&](const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root + name).parent_path());
    std::ofstream(root + name) << text;
  };
  CHECK(available_memory_bytes(root) == 0);
  write("/proc/meminfo", "MemTotal: 900 kB\nMemAvailable: 500 kB\n");
  CHECK(available_memory_bytes(root) == 500 * 1024);
  write("/sys/fs/cgroup/memory.max", "max\n");
  write("/sys/fs/cgroup/memory.current", "1000\n");
  CHECK(available_memory_bytes(root) == 500 * 1024);
  write("/sys/fs/cgroup/memory.max", "201000\n");
  CHECK(available_memory_bytes(root) == 200000);
  CHECK(available_memory_bytes() > 0);
}
