#include "engine/training/speed_probe.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "engine/training/batches.h"

namespace skipcast::engine {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSeconds = 0.5;     // of passes that count
constexpr double kPassFlops = 2e10;  // of one, at most, but for a single window
constexpr int kPassesMax = 8;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

TrainingBatch constant_batch(const NetworkShape& s, int64_t windows, at::Device device) {
  const at::TensorOptions there = at::TensorOptions(at::kFloat).device(device);
  TrainingBatch batch;
  const std::vector<int64_t> context = {windows, s.context_states, s.context_variables, s.places};
  const std::vector<int64_t> future = {windows, s.future_states, s.variables, s.places};
  batch.contexts.values = at::full(context, 0.5, there);
  batch.contexts.mask = at::ones(context, there);
  batch.contexts.calendar = at::zeros({windows, s.calendar}, there);
  batch.contexts.base = at::zeros({windows, s.base_states, s.variables, s.places}, there);
  batch.contexts.last = at::full({windows, s.variables, s.places}, 0.5, there);
  batch.target = at::full(future, 0.5, there);
  batch.mask = at::ones(future, there);
  return batch;
}

}  // namespace

double measured_window_seconds(const Task& task, const NetworkShape& shape,
                               const Compute& compute) {
  const TrainingCost cost = training_cost(task, shape, compute.device.is_cuda());
  const double affordable = std::max(1.0, kPassFlops / cost.window_flops);
  const auto windows =
      static_cast<int64_t>(std::min(affordable, static_cast<double>(cost.windows_at_once)));
  Task plain = task;
  plain.network.described_places = false;
  const std::shared_ptr<Network> network = make_network(plain.network, shape);
  network->initialise(1);
  network->to(compute.device);
  const at::AutoGradMode with_gradients(true);
  const TrainingBatch batch = constant_batch(shape, windows, compute.device);
  const auto pass = [&] {
    const ArithmeticGuard arithmetic(compute);
    const at::Tensor loss = edm_loss(*network, batch, plain, 0);
    loss.backward();
    SKIPCAST_CHECK(std::isfinite(loss.item<double>()));
  };
  pass();  // libraries choose their ways
  const Clock::time_point start = Clock::now();
  int passes = 0;
  do {
    pass();
    ++passes;
  } while (passes < kPassesMax && seconds_since(start) < kSeconds);
  return seconds_since(start) / static_cast<double>(passes * windows);
}

}  // namespace skipcast::engine
