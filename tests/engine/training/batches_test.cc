// Batches: training windows only, each once an epoch; the loss is a function of (seed, step).
#include "engine/training/batches.h"

#include <cmath>
#include <set>

#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"
#include "tests/support/trained.h"

namespace {

using namespace skipcast::engine;
using skipcast::tests::make_archive;
using skipcast::tests::TempDir;

}  // namespace

TEST_CASE("BatchSource: batches hold training windows only, each once an epoch") {
  const TempDir folder;
  const auto store = make_archive(folder.file("a"), 400);
  const auto task = find_task(*store, "small");
  REQUIRE(task.ok());
  const Split split = split_of(*task, store->size());
  const auto normalizer = skipcast::retrieval::Normalizer::fit(
      *store, {variable_numbers(*store, *task), task->base, split.train_end, 0});
  REQUIRE(normalizer.ok());
  const auto dataset = Dataset::load(*store, *task, *normalizer);
  REQUIRE(dataset.ok());
  const auto origins = part_origins(store->schema().axis, *task, split, Part::kTrain);
  const TargetSpace target = fit_target_space(**dataset, origins);
  BatchSource source(**dataset, target, origins), again(**dataset, target, origins);
  const int64_t batch = task->training.batch, epoch = static_cast<int64_t>(origins.size()) / batch;
  std::multiset<int64_t> seen;
  for (int64_t step = 0; step < epoch; ++step) {
    const auto drawn = source.origins_at(step);
    seen.insert(drawn.begin(), drawn.end());
    for (const int64_t origin : drawn) CHECK(origin + task->spec.future_states < split.train_end);
  }
  CHECK(seen.size() == std::set<int64_t>(seen.begin(), seen.end()).size());
  CHECK(again.origins_at(epoch - 1) == source.origins_at(epoch - 1));
  CHECK(again.origins_at(2 * epoch) != source.origins_at(0));

  const TrainingBatch one = source.batch(3);
  CHECK(std::abs(one.target.square().mean().item<double>() - 1) < 0.5);
  const auto network =
      make_network(task->network, shape_of(*task, store->schema().places, *normalizer, target));
  network->initialise(1);
  const double first = edm_loss(*network, one, *task, 7).item<double>();
  CHECK(first == edm_loss(*network, one, *task, 7).item<double>());
  CHECK(first != edm_loss(*network, one, *task, 8).item<double>());
}

TEST_CASE("Batches: the gradient of parts is that of the whole where nothing is dropped") {
  const TempDir folder;
  const auto store = make_archive(folder.file("a"), 400);
  Task task = find_task(*store, "small").value();
  task.network.dropout = 0;
  const Split split = split_of(task, store->size());
  const auto normalizer = skipcast::retrieval::Normalizer::fit(
      *store, {variable_numbers(*store, task), task.base, split.train_end, 0});
  REQUIRE(normalizer.ok());
  const auto dataset = Dataset::load(*store, task, *normalizer);
  REQUIRE(dataset.ok());
  const auto origins = part_origins(store->schema().axis, task, split, Part::kTrain);
  const TargetSpace target = fit_target_space(**dataset, origins);
  BatchSource source(**dataset, target, origins);
  const TrainingBatch batch = source.batch(0);
  const auto network =
      make_network(task.network, shape_of(task, store->schema().places, *normalizer, target));
  network->initialise(1);
  for (auto& parameter : network->parameters()) {  // outputs are no longer 0
    parameter.data().add_(0.02);
  }
  const auto gradient = [&](int64_t windows) {
    network->zero_grad();
    const at::Tensor loss = edm_loss_in_parts(*network, batch, task, 0, windows);
    loss.backward();
    std::vector<at::Tensor> all = {loss.detach().view({1})};
    for (const auto& parameter : network->parameters()) all.push_back(parameter.grad().flatten());
    return at::cat(all).clone();
  };
  const at::Tensor whole = gradient(task.training.batch);
  CHECK(whole.abs().max().item<double>() > 1e-3);
  CHECK(at::equal(gradient(3), gradient(3)));
  for (const int64_t windows : {1, 3, 8}) {
    const at::Tensor apart = (gradient(windows) - whole).abs().max();
    CHECK(apart.item<double>() < 1e-5 * whole.abs().max().item<double>());
  }
}
