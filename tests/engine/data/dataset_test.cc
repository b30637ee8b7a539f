// Dataset: windows are exactly the states they name, in normalised units, and know no future.
#include "engine/data/dataset.h"

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "tests/support/memory_store.h"
#include "tests/support/torch_doctest.h"

namespace {

using namespace skipcast::engine;
using skipcast::retrieval::Base;
using skipcast::retrieval::Normalizer;
using skipcast::tests::memory_schema;
using skipcast::tests::MemoryStore;

constexpr int64_t kStates = 400, kVariables = 3, kPlaces = 2;
constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

float value_at(int64_t state, int64_t variable, int64_t place) {
  const double x = static_cast<double>(state);
  return static_cast<float>(20 + std::sin(x / 5 + static_cast<double>(variable)) * 3 +
                            std::cos(x / 3.8) * (1 + static_cast<double>(place)));
}

std::vector<float> values(int64_t states) {
  std::vector<float> all;
  for (int64_t s = 0; s < states; ++s) {
    for (int64_t v = 0; v < kVariables; ++v) {
      for (int64_t p = 0; p < kPlaces; ++p) {
        all.push_back((s * 7 + v * 3 + p) % 11 == 0 ? kMissing : value_at(s, v, p));
      }
    }
  }
  return all;
}

Task small_task() {
  auto task = task_from_json(R"({"name": "t", "variables": ["b"], "context_variables": ["b", "c"],
      "context_states": 5, "future_states": 3, "base": "slot_of_day",
      "calendar": ["hour_of_day", "day_of_week", "day_of_year"]})",
                             skipcast::storage::PlacesKind::kGraph);
  REQUIRE(task.ok());
  return *task;
}

struct Fixture {
  explicit Fixture(int64_t states = kStates, Base base = Base::kSlotOfDay)
      : store(make_schema(), values(states)), task(small_task()) {
    task.base = base;
    auto fitted = Normalizer::fit(store, {variable_numbers(store, task), base, 240, 0});
    REQUIRE_MESSAGE(fitted.ok(), fitted.status().message());
    normalizer = std::make_unique<Normalizer>(std::move(fitted).value());
    auto loaded = Dataset::load(store, task, *normalizer);
    REQUIRE_MESSAGE(loaded.ok(), loaded.status().message());
    dataset = std::move(loaded).value();
  }
  static skipcast::storage::Schema make_schema() {
    skipcast::storage::Schema schema = memory_schema(kVariables, kPlaces);
    schema.variables[1].log_transform = true;
    return schema;
  }
  // The normalised value of one cell, NaN where missing.
  float normalised(int64_t state, int64_t variable, int64_t place) const {
    std::vector<float> row(kPlaces, kMissing);
    for (int64_t p = 0; p < kPlaces; ++p) {
      row[static_cast<size_t>(p)] =
          values(state + 1)[static_cast<size_t>((state * kVariables + variable + 1) * kPlaces + p)];
    }
    normalizer->normalise_one(variable, state, 1, row);
    return row[static_cast<size_t>(place)];
  }

  MemoryStore store;
  Task task;
  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<Dataset> dataset;
};

}  // namespace

TEST_CASE("Dataset: contexts hold the window's own states, masks say which were observed") {
  const Fixture f;
  const std::vector<int64_t> origins = {50, 4, 399};
  const ContextBatch batch = f.dataset->contexts(origins);
  REQUIRE(batch.values.sizes() == at::IntArrayRef({3, 5, 2, 2}));
  const auto x = batch.values.accessor<float, 4>();
  const auto mask = batch.mask.accessor<float, 4>();
  int64_t missing = 0;
  for (int64_t b = 0; b < 3; ++b) {
    for (int64_t i = 0; i < 20; ++i) {
      const int64_t t = i / 4, v = i / 2 % 2, p = i % 2;
      const int64_t state = origins[static_cast<size_t>(b)] - 4 + t;
      float expected = f.normalised(state, v, p);
      CHECK(mask[b][t][v][p] == (std::isnan(expected) ? 0 : 1));
      missing += std::isnan(expected) ? 1 : 0;
      for (int64_t s = state; std::isnan(expected); --s) {
        expected = s < 0 ? 0 : f.normalised(s, v, p);
      }
      CHECK(x[b][t][v][p] == expected);
    }
  }
  CHECK(missing > 0);
  CHECK(at::equal(batch.last, batch.values.select(1, 4).narrow(1, 0, 1)));
}

TEST_CASE("Dataset: futures follow the origin, missing values are 0 under the mask") {
  const Fixture f;
  const std::vector<int64_t> origins = {100, 396};
  const FutureBatch batch = f.dataset->futures(origins);
  REQUIRE(batch.values.sizes() == at::IntArrayRef({2, 3, 1, 2}));
  const at::Tensor filled = f.dataset->filled_futures(origins);
  for (int64_t b = 0; b < 2; ++b) {
    float before[2] = {f.dataset->contexts(origins).last[b][0][0].item<float>(),
                       f.dataset->contexts(origins).last[b][0][1].item<float>()};
    for (int64_t t = 0; t < 3; ++t) {
      for (int64_t p = 0; p < 2; ++p) {
        const float expected = f.normalised(origins[static_cast<size_t>(b)] + 1 + t, 0, p);
        const bool observed = !std::isnan(expected);
        CHECK(batch.mask[b][t][0][p].item<float>() == (observed ? 1 : 0));
        CHECK(batch.values[b][t][0][p].item<float>() == (observed ? expected : 0));
        if (observed) before[p] = expected;
        CHECK(filled[b][t][0][p].item<float>() == before[p]);
      }
    }
  }
}

TEST_CASE("Dataset: a context does not change when later states do") {
  const Fixture f;
  Fixture other;
  const int64_t origin = 300;
  for (size_t i = (origin + 1) * kVariables * kPlaces; i < other.store.values().size(); ++i) {
    other.store.values()[i] = 1000;
  }
  auto changed = Dataset::load(other.store, other.task, *f.normalizer);
  REQUIRE(changed.ok());
  const std::vector<int64_t> origins = {origin, origin - 1};
  const ContextBatch a = f.dataset->contexts(origins), b = (*changed)->contexts(origins);
  CHECK(at::equal(a.values, b.values));
  CHECK(at::equal(a.mask, b.mask));
  CHECK(at::equal(a.last, b.last));
  CHECK(at::equal(a.base, b.base));
  CHECK(at::equal(a.calendar, b.calendar));
  CHECK_FALSE(at::equal(f.dataset->futures(origins).values, (*changed)->futures(origins).values));
}

TEST_CASE("Dataset: the last state has a context, also when nothing follows it") {
  const Fixture f;
  const std::vector<int64_t> last = {kStates - 1};
  const ContextBatch batch = f.dataset->contexts(last);
  CHECK(batch.base.sizes() == at::IntArrayRef({1, 8, 1, 2}));
  const std::vector<int64_t> day_before = {kStates - 1 - 24};
  CHECK(at::equal(batch.base, f.dataset->contexts(day_before).base));
  const std::vector<int64_t> hour_before = {kStates - 2};
  CHECK_FALSE(at::equal(batch.base, f.dataset->contexts(hour_before).base));
}

TEST_CASE("Dataset: the base has mean 0 and deviation 1 over the slots, and none for a mean") {
  const Fixture f;
  std::vector<int64_t> origins;
  for (int64_t i = 0; i < 24; ++i) origins.push_back(50 + i);
  const at::Tensor base = f.dataset->contexts(origins).base.select(1, 0);
  CHECK(base.mean(0).abs().max().item<float>() < 1e-5);
  CHECK((base.square().mean(0) - 1).abs().max().item<float>() < 1e-4);
  const Fixture mean(kStates, Base::kMean);
  CHECK(mean.dataset->contexts(origins).base.sizes() == at::IntArrayRef({24, 0, 1, 2}));
}

TEST_CASE("Dataset: calendar features tell hour, weekday and season") {
  const Fixture f;
  const std::vector<int64_t> origins = {4, 4 + 24, 4 + 168};
  const at::Tensor rows = f.dataset->contexts(origins).calendar;
  CHECK(rows.size(1) == 4 + 7 + 4);
  CHECK(rows.size(1) == calendar_features(f.task));
  CHECK(at::equal(rows[0].narrow(0, 0, 11), rows[2].narrow(0, 0, 11)));
  CHECK(at::equal(rows[0].narrow(0, 0, 4), rows[1].narrow(0, 0, 4)));
  CHECK(rows[0][4].item<float>() == 1);  // Monday
  CHECK(rows[1][5].item<float>() == 1);
  CHECK(rows[0][0].item<float>() == doctest::Approx(std::sin(2 * M_PI * 4 / 24)));
  CHECK_FALSE(at::equal(rows[0].narrow(0, 11, 4), rows[2].narrow(0, 11, 4)));
}

TEST_CASE("Dataset: denormalise undoes normalise, for any leading dimensions") {
  const Fixture f;
  for (const int64_t origin : {10, 200, 396}) {
    const std::vector<int64_t> one = {origin};
    const FutureBatch batch = f.dataset->futures(one);
    const at::Tensor observed = f.dataset->observed(origin);
    const at::Tensor members = batch.values.expand({4, -1, -1, -1});
    const at::Tensor back = f.dataset->denormalise(members, origin);
    REQUIRE(back.sizes() == at::IntArrayRef({4, 3, 1, 2}));
    CHECK(at::equal(observed.isnan(), batch.mask[0] == 0));
    const at::Tensor error = (back - observed).abs().nan_to_num(0);
    CHECK(error.max().item<float>() < 1e-3);
    CHECK(at::equal(f.dataset->denormalise(batch.values[0], origin), back[2]));
  }
}

TEST_CASE("Dataset: futures are kept within each place's training part, or the last value") {
  const Fixture fixture;
  float low[kPlaces] = {9, 9}, high[kPlaces] = {-9, -9};
  for (int64_t state = 4; state < 240; ++state) {
    const at::Tensor last = fixture.dataset->contexts({&state, 1}).last;
    for (int64_t p = 0; p < kPlaces; ++p) {
      low[p] = std::min(low[p], last[0][0][p].item<float>());
      high[p] = std::max(high[p], last[0][0][p].item<float>());
    }
  }
  const at::Tensor far = at::tensor({-99.0f, 99.0f}).view({2, 1, 1, 1}).expand({2, 3, 1, kPlaces});
  const auto within = [&](const at::Tensor& last) {
    const auto [lowest, highest] = fixture.dataset->range(last);
    return at::clamp(far, lowest, highest);
  };
  const at::Tensor kept = within(at::zeros({1, kPlaces}));
  const at::Tensor widened = within(at::full({1, kPlaces}, 77.0f));
  for (int64_t p = 0; p < kPlaces; ++p) {
    CHECK(kept[0][2][0][p].item<float>() <= low[p]);  // the first states count too
    CHECK(kept[0][2][0][p].item<float>() > low[p] - 1);
    CHECK(kept[1][0][0][p].item<float>() >= high[p]);
    CHECK(kept[1][0][0][p].item<float>() < high[p] + 1);
    CHECK(widened[1][0][0][p].item<float>() == 77);
    CHECK(widened[0][0][0][p].item<float>() == kept[0][0][0][p].item<float>());
  }
}

TEST_CASE("Dataset: a series larger than the memory allowed is refused with both sizes") {
  const Fixture f;
  const auto refused = Dataset::load(f.store, f.task, *f.normalizer, 1000);
  CHECK(refused.status().code() == skipcast::Code::kUnsupported);
  CHECK(refused.status().message().find("GB") != std::string::npos);
  const int64_t needed = Dataset::bytes_needed(f.task, kStates, kPlaces);
  CHECK(needed < 4 * kStates * kPlaces * 2 * int64_t{sizeof(float)});
  CHECK(Dataset::load(f.store, f.task, *f.normalizer, needed).ok());
  CHECK_FALSE(Dataset::load(f.store, f.task, *f.normalizer, needed - 1).ok());
}

TEST_CASE("Dataset: the last values alone are those of the contexts") {
  const Fixture f;
  const std::vector<int64_t> origins = {4, 77, 200};
  CHECK(at::equal(f.dataset->last_values(origins), f.dataset->contexts(origins).last));
}

TEST_CASE("Dataset: a time of day is a mixture of the two moments beside it") {
  Fixture f;
  f.task.calendar = {"slot_of_day"};
  const auto dataset = Dataset::load(f.store, f.task, *f.normalizer);
  REQUIRE_MESSAGE(dataset.ok(), dataset.status().message());
  CHECK(calendar_features(f.task) == 48);
  const std::vector<int64_t> origins = {20, 21, 44};
  const at::Tensor rows = (*dataset)->contexts(origins).calendar;
  CHECK(at::allclose(rows.sum(1), at::ones({3})));
  CHECK(at::equal(rows[0], rows[2]));  // a day later
  CHECK_FALSE(at::equal(rows[0], rows[1]));
}
