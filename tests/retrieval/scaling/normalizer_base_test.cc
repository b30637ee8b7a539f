// The bases a normaliser can subtract, each against values whose base is known, and the square
// root. normalizer_test.cc has the mean and the slot of the week.
#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "retrieval/scaling/normalizer.h"
#include "tests/support/memory_store.h"

namespace skipcast::retrieval {
namespace {

using tests::memory_schema;
using tests::MemoryStore;

constexpr int64_t kHours = 24;

// One variable at one place, hourly from Monday 2018-01-01: value(day, hour).
template <typename Value>
MemoryStore hourly(int64_t days, Value value) {
  std::vector<float> values;
  for (int64_t i = 0; i < days * kHours; ++i) {
    values.push_back(static_cast<float>(value(i / kHours, i % kHours)));
  }
  return MemoryStore(memory_schema(1, 1), values);
}

Normalizer fitted(const MemoryStore& store, const NormalizerOptions& options) {
  auto normalizer = Normalizer::fit(store, options);
  REQUIRE_MESSAGE(normalizer.ok(), normalizer.status().message());
  return std::move(normalizer).value();
}

}  // namespace

TEST_CASE("Normalizer: slot-of-day base takes all days together") {
  const MemoryStore store = hourly(14, [](int64_t day, int64_t hour) {
    return 10.0 * static_cast<double>(hour) + (day % 2 ? 1 : -1);
  });
  const Normalizer normalizer = fitted(store, {{0}, Base::kSlotOfDay, store.size()});
  REQUIRE(normalizer.slots() == kHours);
  for (int64_t hour = 0; hour < kHours; ++hour) {
    const auto slot = static_cast<size_t>(normalizer.slot_of(5 * kHours + hour));
    CHECK(normalizer.base()[slot] == doctest::Approx(10.0 * static_cast<double>(hour)));
  }
  CHECK(normalizer.scale()[0] == doctest::Approx(1));
}

TEST_CASE("Normalizer: smoothing averages neighbouring slots, around midnight too") {
  const MemoryStore store = hourly(10, [](int64_t, int64_t hour) { return hour == 0 ? 30 : 0; });
  const Normalizer normalizer = fitted(store, {{0}, Base::kSlotOfDay, store.size(), 1});
  for (const int64_t near : {23, 0, 1}) {
    CHECK(normalizer.base()[static_cast<size_t>(near)] == doctest::Approx(10));
  }
  CHECK(normalizer.base()[2] == doctest::Approx(0));
  CHECK(normalizer.base()[22] == doctest::Approx(0));
}

TEST_CASE("Normalizer: smoothing does not reach from one session into the next") {
  storage::Schema schema = memory_schema(1, 1);
  schema.axis = {1514764800, 600, 0, 6, true};
  std::vector<float> values;
  for (int day = 0; day < 5; ++day) values.insert(values.end(), {30, 0, 0, 0, 0, 0});
  const MemoryStore store(schema, values);
  const Normalizer normalizer = fitted(store, {{0}, Base::kSlotOfWeek, store.size(), 1});
  REQUIRE(normalizer.slots() == 6);
  CHECK(normalizer.base()[0] == doctest::Approx(15));  // itself and its one neighbour
  CHECK(normalizer.base()[1] == doctest::Approx(10));
  CHECK(normalizer.base()[5] == doctest::Approx(0));
}

TEST_CASE("Normalizer: seasonal base follows the year, an hour of the day at a time") {
  const auto season = [](int64_t day, int64_t hour) {
    const double year = 2 * std::numbers::pi * static_cast<double>(day) / 365.25;
    return static_cast<double>(hour) + (hour < 12 ? 8 : 2) * std::cos(year) + std::sin(2 * year);
  };
  const MemoryStore store = hourly(3 * 365, season);
  const Normalizer normalizer = fitted(store, {{0}, Base::kSeasonal, 2 * 365 * kHours});
  for (const int64_t day : {0, 10, 91, 180, 300, 364}) {
    for (const int64_t hour : {3, 15}) {
      const int64_t third_year = (2 * 365 + day) * kHours + hour;
      const auto slot = static_cast<size_t>(normalizer.slot_of(third_year));
      CHECK(normalizer.base()[slot] == doctest::Approx(season(day, hour)).epsilon(0.01).scale(5));
    }
  }
  CHECK(normalizer.scale()[0] < 0.1);  // nothing but the season was there
}

TEST_CASE("Normalizer: seasonal base of too short a training part is the plain mean") {
  const MemoryStore store = hourly(20, [](int64_t day, int64_t) { return day; });
  const Normalizer normalizer = fitted(store, {{0}, Base::kSeasonal, store.size()});
  for (const float base : normalizer.base()) REQUIRE(base == doctest::Approx(9.5));
}

TEST_CASE("Normalizer: square roots come back, never negative, and refuse what they cannot take") {
  MemoryStore store = hourly(10, [](int64_t day, int64_t hour) { return (day + hour) * day; });
  NormalizerOptions options{{0}, Base::kMean, store.size()};
  options.square_root = {0};
  const Normalizer normalizer = fitted(store, options);
  std::vector<float> moved = store.values();
  normalizer.normalise(0, store.size(), moved);
  CHECK(moved[30] == doctest::Approx((std::sqrt(store.values()[30]) - normalizer.base()[0]) /
                                     normalizer.scale()[0]));
  normalizer.denormalise(0, store.size(), moved);
  for (size_t i = 0; i < moved.size(); ++i) {
    REQUIRE(moved[i] == doctest::Approx(store.values()[i]).epsilon(1e-4).scale(1));
  }
  std::vector<float> low = {-100};
  normalizer.denormalise(0, 1, low);
  CHECK(low[0] == 0);
  store.values()[26] = -1;
  const Status status = Normalizer::fit(store, options).status();
  CHECK(status.code() == Code::kBadInput);
  CHECK(status.message().find("2018-01-02T02") != std::string::npos);
  CHECK(status.message().find("sqrt") != std::string::npos);
}

TEST_CASE("Normalizer: a transform that is asked for takes the place of the schema's") {
  const MemoryStore store = hourly(10, [](int64_t day, int64_t hour) { return day + hour; });
  NormalizerOptions options{{0}, Base::kMean, store.size()};
  for (const Transform transform : {Transform::kIdentity, Transform::kLog}) {
    options.transforms = {{0, transform}};
    CHECK(fitted(store, options).transform(0) == transform);
    const auto back = Normalizer::from_json(fitted(store, options).to_json());
    REQUIRE(back.ok());
    CHECK(back->transform(0) == transform);
  }
  options.square_root = {0};
  CHECK(fitted(store, options).transform(0) == Transform::kSquareRoot);
}

}  // namespace skipcast::retrieval
