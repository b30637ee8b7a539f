// labels: unit
#include "engine/forecast/forecaster.h"

// Before anything else that brings doctest or a CHECK of LibTorch.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "tests/support/gaussian_forecasts.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::Alignment;
using engine::ArchiveMode;
using engine::Forecast;
using engine::Forecaster;
using engine::ForecastOptions;
using engine::KeyKind;
using engine::StartKind;

constexpr engine::Split kSplit = kGaussianSplit;
constexpr int64_t kQuery = kGaussianQuery;

Status failure(Forecaster& forecaster, const ForecastOptions& options, int64_t origin = kQuery) {
  const auto made = forecaster.forecast(origin, options);
  REQUIRE_FALSE(made.ok());
  return made.status();
}

// Checks that options are wrong for a reason that says these words.
auto refused_by(Forecaster& forecaster) {
  return [&forecaster](const ForecastOptions& options, const char* text) {
    const Status status = failure(forecaster, options);
    CHECK(status.code() == Code::kUsage);
    CHECK_MESSAGE(status.message().find(text) != std::string::npos, status.message());
  };
}

ForecastOptions analog(KeyKind key, Alignment alignment) {
  ForecastOptions options = {{.steps = 3}, {.members = 15}};
  options.start.key = key;
  options.start.alignment = alignment;
  options.depth.entry_sigma = 2;
  return options;
}

// Every start, key and alignment once.
std::vector<ForecastOptions> all_kinds() {
  std::vector<ForecastOptions> all;
  for (const KeyKind key : {KeyKind::kContext, KeyKind::kForecast, KeyKind::kMixed}) {
    all.push_back(analog(key, Alignment::kOffset));
  }
  for (const Alignment alignment : {Alignment::kNone, Alignment::kResidual, Alignment::kHalf}) {
    all.push_back(analog(KeyKind::kContext, alignment));
  }
  for (const StartKind kind :
       {StartKind::kMean, StartKind::kPersist, StartKind::kRandom, StartKind::kMismatched}) {
    all.push_back(analog(KeyKind::kContext, Alignment::kOffset));
    all.back().start.kind = kind;
  }
  ForecastOptions assigned = analog(KeyKind::kContext, Alignment::kOffset);
  assigned.start.pool = 6;
  assigned.start.temperature = 0.5;
  assigned.start.cold_share = 0.4;
  assigned.start.added_noise = 0.7;
  all.push_back(assigned);
  for (const char* solver : {"dpmpp_2m_sde", "sa_2", "heun_churn", "restart_2m"}) {
    all.push_back(analog(KeyKind::kContext, Alignment::kOffset));
    all.back().solver = solver;
  }
  all.push_back({{.start = {.kind = StartKind::kCold}, .steps = 5}, {.members = 15}});
  all.push_back(all.back());
  all.back().guidance = 0.4;
  all.push_back(analog(KeyKind::kForecast, Alignment::kResidual));
  all.back().guidance = 0.2;
  all.back().inflation = {0.8, 1.3};
  return all;
}

bool same_bits(const Forecast& a, const Forecast& b) {
  const bool blind = !a.analogs.empty() && std::isnan(a.analogs[0].distance);
  return at::equal(a.members, b.members) && at::equal(a.normalised, b.normalised) &&
         (blind || a.analogs == b.analogs);
}

TEST_CASE("Forecaster: the same seed gives the same bits for any member batch") {
  const MemoryStore store = ar1_store(600);
  const auto forecaster = forecaster_on(store);
  for (ForecastOptions options : all_kinds()) {
    const Forecast whole = forecast(*forecaster, options);
    for (const int64_t batch : {1, 7, 15, 100}) {
      options.member_batch = batch;
      CHECK(same_bits(whole, forecast(*forecaster, options)));
    }
    ForecastOptions other = options;
    other.seed = 2;
    CHECK_FALSE(at::equal(whole.members, forecast(*forecaster, other).members));
  }
}

TEST_CASE("Forecaster: the same bits on one thread and on two") {
  const MemoryStore store = ar1_store(600);
  const int before = at::get_num_threads();
  for (const ForecastOptions& options : all_kinds()) {
    at::set_num_threads(1);
    const Forecast one = forecast(*forecaster_on(store), options);
    at::set_num_threads(2);
    CHECK(same_bits(one, forecast(*forecaster_on(store), options)));
  }
  at::set_num_threads(before);
}

TEST_CASE("Forecaster: several threads get the bits that one gets, also while indexes are built") {
  const MemoryStore store = ar1_store(600);
  const auto alone = forecaster_on(store), shared = forecaster_on(store);
  std::vector<Forecast> expected;
  for (const ForecastOptions& options : all_kinds()) {
    expected.push_back(forecast(*alone, options));
  }
  std::atomic<int> equal = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      size_t number = 0;
      for (const ForecastOptions& options : all_kinds()) {
        const auto made = shared->forecast(kQuery, options);
        if (made.ok() && same_bits(expected[number], *made)) ++equal;
        ++number;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(equal == 3 * static_cast<int>(expected.size()));
}

TEST_CASE("Forecaster: a store that is reopened gives the same bits from its cached indexes") {
  const TempDir folder;
  const std::string path = folder.file("ar.skc");
  std::vector<Forecast> first;
  {
    auto store = storage::SeriesStore::create(path, memory_schema(1, 2));
    REQUIRE(store.ok());
    REQUIRE((*store)->append({.states = 600, .values = ar1_values(600, 2)}).ok());
    const auto forecaster = forecaster_on(**store);
    for (const ForecastOptions& options : all_kinds()) {
      first.push_back(forecast(*forecaster, options));
    }
  }
  auto store = storage::SeriesStore::open(path, storage::OpenMode::kReadOnly);
  REQUIRE(store.ok());
  const auto model = gaussian_model(**store, kSplit);
  auto forecaster = Forecaster::with_model(**store, model);
  REQUIRE(forecaster.ok());
  size_t number = 0;
  for (const ForecastOptions& options : all_kinds()) {
    CHECK(same_bits(first[number++], forecast(**forecaster, options)));
  }
  CHECK(model->mean_forecasts == 0);  // all came from the archive's index folder
}

TEST_CASE("Forecaster: the future of the query does not change a bit of its forecast") {
  const MemoryStore full = ar1_store(600);
  const std::vector<float> values = ar1_values(600, 2);
  const MemoryStore now(memory_schema(1, 2), {values.begin(), values.begin() + 2 * (kQuery + 1)});
  std::vector<float> planted = values;  // the query's own window again and again, then garbage
  for (size_t i = 2 * (kQuery + 1); i < planted.size(); ++i) {
    planted[i] = i % 5 == 0 ? std::nanf("") : planted[i - 14] * (i % 2 ? 1.0f : 100.0f);
  }
  const MemoryStore other(memory_schema(1, 2), planted);
  const auto a = forecaster_on(full), b = forecaster_on(now), c = forecaster_on(other);
  for (ForecastOptions options : all_kinds()) {
    for (const ArchiveMode mode : {ArchiveMode::kGrowing, ArchiveMode::kFrozen}) {
      options.archive = mode;
      const Forecast expected = forecast(*a, options);
      CHECK(same_bits(expected, forecast(*b, options)));
      CHECK(same_bits(expected, forecast(*c, options)));
    }
  }
}

TEST_CASE("Forecaster: the future of every analog has ended by the query's origin") {
  const MemoryStore store = ar1_store(600);
  const auto forecaster = forecaster_on(store);
  for (const int64_t origin : {20, 100, 370, 500, 599}) {
    for (ForecastOptions options : all_kinds()) {
      for (const retrieval::Neighbour& each : forecast(*forecaster, options, origin).analogs) {
        CHECK(each.origin + 3 <= origin);
        CHECK(each.origin >= 3);
      }
      options.archive = ArchiveMode::kFrozen;
      for (const retrieval::Neighbour& each : forecast(*forecaster, options, origin).analogs) {
        CHECK(each.origin + 3 < kSplit.train_end);
      }
      options.archive = ArchiveMode::kGrowing;
      options.tuning_band = true;
      for (const retrieval::Neighbour& each : forecast(*forecaster, options, origin).analogs) {
        CHECK(each.origin + 7 <= origin);
      }
    }
  }
}

TEST_CASE("Forecaster: the archive's last state can be forecast from, its future unknown") {
  const MemoryStore store = ar1_store(600);
  const auto forecaster = forecaster_on(store);
  for (const ForecastOptions& options : all_kinds()) {
    const Forecast now = forecast(*forecaster, options, 599);
    CHECK(now.members.sizes() == at::IntArrayRef({15, 3, 1, 2}));
    CHECK(now.members.isfinite().all().item<bool>());
  }
  const auto origin = forecaster->origin_at(store.schema().axis.time_at(599));
  REQUIRE(origin.ok());
  CHECK(*origin == 599);
}

TEST_CASE("Forecaster: every evaluation of the network is accounted for") {
  const MemoryStore store = ar1_store(600);
  const auto model = gaussian_model(store, kSplit);
  auto forecaster = Forecaster::with_model(store, model);
  REQUIRE(forecaster.ok());
  for (const ForecastOptions& options : all_kinds()) {
    REQUIRE((*forecaster)->prepare(options).ok());
    model->conditions = model->evaluations = model->mean_forecasts = 0;
    const Forecast made = forecast(**forecaster, options);
    CHECK(model->conditions == 1);
    CHECK(model->mean_forecasts == 0);
    CHECK(model->evaluations == made.nfe * 15 + static_cast<int64_t>(made.nfe_shared));
    if (options.solver == "dpmpp_2m") CHECK(made.nfe == options.steps);
  }
}

TEST_CASE("Forecaster: notes say when there are fewer analogs than members") {
  const MemoryStore store = ar1_store(600);
  const auto forecaster = forecaster_on(store);
  const Forecast early = forecast(*forecaster, analog(KeyKind::kContext, Alignment::kOffset), 10);
  REQUIRE(early.notes.size() == 1);
  CHECK(early.notes[0] == "5 analogs for 15 members: used in turn");
  CHECK(early.analogs[0].origin == early.analogs[5].origin);
  CHECK_FALSE(at::equal(early.members[0], early.members[5]));
}

TEST_CASE("Forecaster: no step leaves the aligned analogs as they are") {
  const MemoryStore store = ar1_store(600);
  const auto forecaster = forecaster_on(store);
  ForecastOptions options = analog(KeyKind::kContext, Alignment::kNone);
  options.steps = 0;
  options.depth = {};
  const Forecast made = forecast(*forecaster, options);
  CHECK(made.nfe == 0);
  CHECK(made.entry_sigma == 0);
  for (int64_t m = 0; m < 15; ++m) {
    const at::Tensor real = forecaster->dataset().observed(made.analogs[m].origin);
    CHECK(at::allclose(made.members[m], real, 1e-5, 1e-5));
  }
}

TEST_CASE("Forecaster: wrong wishes are refused in a sentence") {
  const MemoryStore store = ar1_store(600);
  const auto forecaster = forecaster_on(store);
  const ForecastOptions good = analog(KeyKind::kContext, Alignment::kOffset);
  const auto check_usage = refused_by(*forecaster);
  ForecastOptions bad = good;
  bad.members = 0;
  check_usage(bad, "at least 1 member");
  bad = good;
  bad.depth.entry_sigma = 1000;
  check_usage(bad, "1000");
  bad.depth.entry_sigma = 0.0001;
  check_usage(bad, "0.0001");
  bad = good;
  bad.depth.skip_fraction = 0.5;
  check_usage(bad, "");
  bad = good;
  bad.solver = "rk45";
  check_usage(bad, "euler, heun, dpmpp_2m");
  bad = good;
  bad.noise_amount = 0.5;
  check_usage(bad, "draws no noise");
  bad.solver = "dpmpp_2m_sde";
  bad.noise_amount = 1.5;
  check_usage(bad, "eta must lie in 0..1");
  bad.noise_amount = {};
  bad.noise_scale = -1;
  check_usage(bad, "scale");
  bad = good;
  bad.rho = 0.5;
  check_usage(bad, "rho");
  bad = good;
  bad.steps = -1;
  check_usage(bad, "steps");
  bad = {{.start = {.kind = StartKind::kCold}, .steps = 0}};
  check_usage(bad, "cold start");
  bad = good;
  bad.start.pool = -1;
  check_usage(bad, "pool");
  bad = good;
  bad.start.temperature = 0;
  check_usage(bad, "temperature");
  bad = good;
  bad.start.cold_share = 1.5;
  check_usage(bad, "--cold-share");
  bad.start.cold_share = 0.5;
  bad.steps = 0;
  bad.depth = {};
  check_usage(bad, "start cold");
  bad = good;
  bad.start.added_noise = -1;
  check_usage(bad, "--added-noise");
  bad = good;
  bad.start.separation = 0;
  check_usage(bad, "separation");
}

TEST_CASE("Forecaster: guidance and inflation beyond sense are refused in a sentence") {
  const MemoryStore store = ar1_store(600);
  const auto forecaster = forecaster_on(store);
  const ForecastOptions good = analog(KeyKind::kContext, Alignment::kOffset);
  const auto check_usage = refused_by(*forecaster);
  ForecastOptions bad = good;
  bad.inflation = {1.2, 0};
  check_usage(bad, "inflation");
  bad = good;
  bad.guidance = 1.5;
  check_usage(bad, "--guidance 1.5");
  bad.guidance = 0.5;
  bad.guidance_bandwidth = 0;
  check_usage(bad, "bandwidth");
  bad.guidance_bandwidth = 0.5;
  bad.solver = "gms";
  check_usage(bad, "gms has none");
  bad = good;
  bad.guidance = 0.5;
  bad.steps = 0;
  bad.depth = {};
  check_usage(bad, "nothing to guide");
}

TEST_CASE("Forecaster: times that cannot be forecast from are refused in a sentence") {
  MemoryStore store = ar1_store(600);
  store.values()[2 * 300 + 1] = std::nanf("");
  for (size_t i = 2 * 447; i < 2 * 451; ++i) store.values()[i] = std::nanf("");
  const auto forecaster = forecaster_on(store);
  const ForecastOptions options = analog(KeyKind::kContext, Alignment::kOffset);
  CHECK(failure(*forecaster, options, 600).code() == Code::kNotFound);
  CHECK(failure(*forecaster, options, 600).message().find("2018-01-25T23:00:00Z") !=
        std::string::npos);
  CHECK(failure(*forecaster, options, 2).code() == Code::kNotFound);
  CHECK(failure(*forecaster, options, 450).code() == Code::kBadInput);  // nothing observed
  const storage::TimeAxis& axis = store.schema().axis;
  CHECK(forecaster->origin_at(axis.time_at(700)).status().code() == Code::kNotFound);
  CHECK(forecaster->origin_at(axis.time_at(2)).status().code() == Code::kNotFound);
  CHECK(forecaster->origin_at(axis.time_at(500) + 60).status().code() == Code::kBadInput);
  // Before any future had ended there is no analog.
  const Status none = failure(*forecaster, options, 3);
  CHECK(none.code() == Code::kNotFound);
  CHECK(none.message().find("--start cold") != std::string::npos);
}

TEST_CASE("Forecaster: windows do not cross a calendar break") {
  storage::Schema schema = memory_schema(1, 2);
  schema.axis.session_states = 10;
  const MemoryStore store(schema, ar1_values(600, 2));
  const auto forecaster = forecaster_on(store);
  const ForecastOptions options = analog(KeyKind::kForecast, Alignment::kResidual);
  CHECK(failure(*forecaster, options, 501).code() == Code::kBadInput);
  CHECK(failure(*forecaster, options, 508).code() == Code::kBadInput);
  CHECK(failure(*forecaster, options, 508).message().find("calendar break") != std::string::npos);
  for (const retrieval::Neighbour& each : forecast(*forecaster, options, 505).analogs) {
    CHECK(each.origin % 10 >= 3);
    CHECK(each.origin % 10 <= 6);
  }
}

}  // namespace
}  // namespace skipcast::tests
