// That nothing on the way from a query to an ensemble mixes devices, and that it comes to the same:
// everything runs on a device of the tests' own (fake_device.h), which refuses tensors of the CPU.

#include "engine/forecast/alignment.h"
#include "engine/forecast/forecaster.h"
#include "engine/forecast/reverse_chain.h"
#include "engine/methods/method_table.h"
#include "engine/training/batches.h"
#include "samplers/solvers/solvers.h"
#include "tests/support/fake_device.h"
#include "tests/support/skip.h"
#include "tests/support/trained_model.h"

namespace {

using namespace skipcast::engine;
using skipcast::tests::kFake;
using skipcast::tests::TempDir;
using skipcast::tests::TrainedModel;

const Compute kOnFake = {.device = kFake};
constexpr int64_t kOrigin = 350;

// One archive, a network with moment heads, and forecasters here and there.
struct Scene {
  TempDir folder;
  TrainedModel trained{folder.file("a.skc")};
  std::unique_ptr<Forecaster> here, there;

  Scene() {
    const auto heads =
        train(*trained.store, {.task = "small", .method = "moment-heads", .steps_max = 3});
    REQUIRE_MESSAGE(heads.ok(), heads.status().message());
    here = std::move(Forecaster::open(*trained.store, "small")).value();
    there = std::move(Forecaster::open(*trained.store, "small", {},
                                       skipcast::storage::kMemoryBytesDefault, kOnFake))
                .value();
  }

  void check_same(const ForecastOptions& options) const {
    const auto expected = here->forecast(kOrigin, options);
    REQUIRE_MESSAGE(expected.ok(), expected.status().message());
    const auto made = there->forecast(kOrigin, options);
    REQUIRE_MESSAGE(made.ok(), made.status().message());
    CHECK(made->members.is_cpu());
    // Our own activations serve the CPU alone: elsewhere LibTorch's, which round otherwise.
    CHECK(at::allclose(made->normalised, expected->normalised, 1e-4, 1e-4));
    CHECK(at::allclose(made->members, expected->members, 1e-4, 1e-4));
    CHECK(made->nfe_mean == expected->nfe_mean);
  }
};

TEST_CASE("Device: the tests' own device refuses what lies elsewhere, and keeps values") {
  const at::Tensor here = at::arange(6, at::kFloat).view({2, 3}), there = here.to(kFake);
  CHECK(at::equal((there + there).cpu(), here * 2));
  CHECK(at::equal(there.t().select(0, 1).cpu(), here.t().select(0, 1)));
  CHECK_THROWS_AS(there + here, c10::Error);
  CHECK_THROWS_AS(at::matmul(there, here.t()), c10::Error);
  CHECK_THROWS_AS(there.index_select(0, at::tensor(at::ArrayRef<int64_t>{1})), c10::Error);
  there.select(1, 0).fill_(7);
  CHECK(there.cpu()[1][0].item<float>() == 7);
}

TEST_CASE("Device: the archive's windows lie where they are asked for") {
  const Scene scene;
  const Dataset& dataset = scene.there->dataset();
  const std::vector<int64_t> origins = {200, 250, 260};
  CHECK(dataset.device() == kFake);
  CHECK(dataset.resident());
  CHECK(dataset.futures(origins).values.device() == kFake);
  const at::Tensor mean = scene.there->model().mean_forecast(dataset.contexts(origins));
  CHECK(mean.device() == kFake);
  CHECK(at::allclose(dataset.denormalise(mean, 250).cpu(), dataset.denormalise(mean.cpu(), 250),
                     1e-5, 1e-5));
}

// Writes down what streams are given while it lives.
struct StreamLog {
  std::vector<std::string> lines;
  StreamLog() { skipcast::tests::FakeStreams::log = &lines; }
  ~StreamLog() { skipcast::tests::FakeStreams::log = nullptr; }
};

std::unique_ptr<Dataset> staged(const Scene& scene, bool half = false) {
  const Dataset& here = scene.here->dataset();
  Compute compute = {.device = kFake, .half_archive = half, .resident_bytes_max = 1};
  return Dataset::load(*scene.trained.store, here.task(), here.normalizer(), kDatasetBytesMax,
                       compute)
      .value();
}

void check_equal(const TrainingBatch& made, const TrainingBatch& expected) {
  const auto same = [](const at::Tensor& there, const at::Tensor& here) {
    CHECK(there.device() == kFake);
    CHECK(at::equal(there.cpu(), here.cpu()));
  };
  same(made.contexts.values, expected.contexts.values);
  same(made.contexts.mask, expected.contexts.mask);
  same(made.contexts.calendar, expected.contexts.calendar);
  same(made.contexts.base, expected.contexts.base);
  same(made.contexts.last, expected.contexts.last);
  same(made.target, expected.target);
  same(made.mask, expected.mask);
}

TEST_CASE("Device: an archive beyond its memory is staged, on a stream of its own") {
  const Scene scene;
  const std::vector<int64_t> origins = {200, 250, 260};
  const Dataset& here = scene.here->dataset();
  const auto dataset = staged(scene);
  CHECK_FALSE(dataset->resident());
  const StreamLog log;
  const ContextBatch contexts = dataset->contexts(origins);
  const FutureBatch futures = dataset->futures(origins);
  // Each copy is followed by its event, for which, and with whose memory, the current stream waits.
  const std::vector<std::string> once = {"copy on 1", "event on 1", "wait on 0", "memory of 0"};
  REQUIRE(log.lines.size() >= 5 * once.size());
  for (size_t i = 0; i < log.lines.size(); ++i) CHECK(log.lines[i] == once[i % once.size()]);
  CHECK(at::equal(contexts.values.cpu(), here.contexts(origins).values));
  CHECK(at::equal(contexts.mask.cpu(), here.contexts(origins).mask));
  CHECK(at::equal(futures.values.cpu(), here.futures(origins).values));
  CHECK(at::allclose(staged(scene, true)->contexts(origins).values.cpu(),
                     here.contexts(origins).values, 1e-3, 1e-3));
}

TEST_CASE("Device: a batch fetched ahead is the same, and is there when it is asked for") {
  const Scene scene;
  const auto dataset = staged(scene);
  const std::vector<int64_t> origins = {100, 120, 140, 160, 180};
  const TargetSpace& target = *scene.there->model().target_space();
  BatchSource ahead(*dataset, target, origins), plain(*dataset, target, origins);
  for (int64_t step = 0; step < 6; ++step) {
    CAPTURE(step);
    const TrainingBatch expected = plain.batch(step);
    const StreamLog log;
    const TrainingBatch made = ahead.batch(step);
    CHECK(log.lines.empty() == (step > 0 && step != 4));
    check_equal(made, expected);
    ahead.fetch_ahead(step == 3 ? 9 : step + 1);  // 9 is not what is asked for next
  }
}

TEST_CASE("Device: every solver comes to the CPU's values from cold and from analogs") {
  const Scene scene;
  for (const auto& solver : skipcast::samplers::solvers()) {
    CAPTURE(solver.name);
    ForecastOptions options = {{.steps = 4, .solver = std::string(solver.name)}, {.members = 5}};
    options.start.kind = StartKind::kCold;
    scene.check_same(options);
    options.start.kind = StartKind::kAnalog;
    options.start.cold_share = 0.4;
    options.start.added_noise = 0.5;
    options.depth.entry_sigma = 3;
    options.member_batch = 2;
    scene.check_same(options);
  }
}

TEST_CASE("Device: every start, key and alignment comes to the CPU's values") {
  const Scene scene;
  ForecastOptions options = {{.steps = 3}, {.members = 4}};
  options.depth.entry_sigma = 3;
  for (const StartKind kind : {StartKind::kAnalog, StartKind::kRandom, StartKind::kMismatched,
                               StartKind::kMean, StartKind::kPersist, StartKind::kPrevious}) {
    CAPTURE(word(kind));
    options.start = {.kind = kind};
    scene.check_same(options);
  }
  for (const KeyKind key : {KeyKind::kForecast, KeyKind::kMixed}) {
    for (const Alignment alignment : {Alignment::kResidual, Alignment::kHalf, Alignment::kNone}) {
      options.start = {.key = key, .alignment = alignment};
      scene.check_same(options);
    }
  }
  options.guidance = 0.3;
  options.inflation = {0.9, 1.2};
  scene.check_same(options);
  options.guidance = 0;
  options.exit_tolerance = 0.05;
  scene.check_same(options);
  options.exit_tolerance = 0;
  options.start = {.kind = StartKind::kRedi};
  options.depth = {.skip_steps = 2};
  options.steps = 5;
  scene.check_same(options);
}

TEST_CASE("Device: members stay there when they are told to, and statistics come back") {
  const Scene scene;
  ForecastOptions options = {{.steps = 2}, {.members = 6, .statistics = true}};
  options.depth.entry_sigma = 3;
  options.keep_on_device = true;
  const Forecast made = scene.there->forecast(kOrigin, options).value();
  CHECK(made.members.device() == kFake);
  REQUIRE(made.statistics.has_value());
  CHECK(made.statistics->quantiles.is_cpu());
  const EnsembleStatistics expected = ensemble_statistics(made.members.cpu());
  CHECK(at::equal(made.statistics->mean, expected.mean));
  CHECK(at::equal(made.statistics->quantiles, expected.quantiles));
}

TEST_CASE("Device: a start that one pass can make is described there") {
  const Scene scene;
  const std::vector<int64_t> origins = {200, 210};
  const int64_t origin = kOrigin;
  Query query = {.origin = origin};
  query.context = scene.there->dataset().contexts({&origin, 1});
  query.last = query.context.last[0];
  const Dataset& dataset = scene.there->dataset();
  const auto start = aligned_start(dataset, scene.there->model(), query, origins, {});
  REQUIRE(start);
  for (const at::Tensor& each : {start->future, start->analog_last, start->query_last, start->decay,
                                 start->low, start->high, start->damping, start->scale}) {
    CHECK(each.device() == kFake);
    CHECK(each.is_contiguous());
  }
  const auto none = [&](const StartOptions& options) {
    return !aligned_start(dataset, scene.there->model(), query, origins, options);
  };
  CHECK(none({.alignment = Alignment::kNone}));
  CHECK(none({.added_noise = 1}));
}

TEST_CASE("Device: loss and optimiser of a training step stay there") {
  const Scene scene;
  const auto stepped = [&](const Forecaster& forecaster, const Compute& compute) {
    StoredModel stored = read_model(*scene.trained.store, "small").value();
    move_to(compute, stored.parts);
    FlatParameters flat(*stored.parts.network);
    AdamW optimiser(flat);
    BatchSource batches(forecaster.dataset(), stored.parts.target, {100, 120, 140, 160});
    const at::NoGradGuard no_grad;  // LibTorch's engine knows no such device
    const at::Tensor loss = edm_loss(*stored.parts.network, batches.batch(0), stored.parts.task, 0);
    CHECK(loss.device() == compute.device);
    flat.gradients.fill_(0.1);
    optimiser.update(flat, 1e-3, 0.01, 1);
    CHECK(flat.values.device() == compute.device);
    return std::pair(loss.cpu(), flat.values.cpu());
  };
  const auto there = stepped(*scene.there, kOnFake), here = stepped(*scene.here, {});
  CHECK(at::allclose(there.first, here.first, 1e-4, 1e-4));
  CHECK(at::equal(there.second, here.second));
}

}  // namespace
