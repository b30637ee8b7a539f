// What a task leaves to the data: simulated series whose right choice is known.
#include "engine/data/data_choices.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <random>
#include <vector>

#include "tests/support/memory_store.h"
#include "tests/support/torch_doctest.h"

namespace {

using namespace skipcast::engine;
using skipcast::retrieval::Base;
using skipcast::retrieval::Transform;
using skipcast::tests::memory_schema;
using skipcast::tests::MemoryStore;

constexpr int64_t kPlaces = 4, kWeek = 7 * 24;

// Hourly values from a Monday on: made of the hour and an AR(1) series of standard deviation 1.
using Law = std::function<double(int64_t hour, double noise)>;

MemoryStore simulated(const Law& law, int64_t hours) {
  std::mt19937_64 random(5);
  std::normal_distribution<double> normal;
  std::vector<double> noise(kPlaces, 0);
  std::vector<float> values;
  for (int64_t hour = 0; hour < hours; ++hour) {
    for (double& one : noise) {
      one = 0.8 * one + 0.6 * normal(random);
      values.push_back(static_cast<float>(law(hour, one)));
    }
  }
  return MemoryStore(memory_schema(1, kPlaces), values);
}

double cycle(int64_t hour) {
  return std::sin(2 * std::numbers::pi * static_cast<double>(hour % 24) / 24);
}

Task bare(const char* more = "") {
  const auto task =
      task_from_json(std::string(R"({"name": "t", "variables": ["a"], "context_states": 6,
                                     "future_states": 6)") +
                         more + "}",
                     skipcast::storage::PlacesKind::kGraph);
  REQUIRE_MESSAGE(task.ok(), task.status().message());
  return *task;
}

DataChoices choose(const Law& law, int64_t hours, const Task& task = bare()) {
  const MemoryStore store = simulated(law, hours);
  auto made = choose_from_data(store, task, split_of(task, hours));
  REQUIRE_MESSAGE(made.ok(), made.status().message());
  CHECK_FALSE(made->task.automatic.base);
  return *made;
}

Transform transform_of(const DataChoices& made) { return made.task.transform.at("a"); }

}  // namespace

TEST_CASE("Data choices: noise about a mean keeps the mean and no transform") {
  const DataChoices made = choose([](int64_t, double noise) { return 50 + noise; }, 8 * kWeek);
  CHECK(made.task.base == Base::kMean);
  CHECK(transform_of(made) == Transform::kIdentity);
  REQUIRE(made.lines.size() == 3);
  CHECK(made.lines[0] ==
        "calendar: hour_of_day, day_of_week (by the step, and 34 days of training)");
  CHECK(made.lines[1].starts_with("transform of a: none (held-out error: none "));
  CHECK(made.lines[2].starts_with("base: mean (held-out error "));
  CHECK(made.lines[2].find("; slot_of_day") != std::string::npos);
}

TEST_CASE("Data choices: a daily cycle gives slots of the day") {
  const DataChoices made =
      choose([](int64_t hour, double noise) { return 3 * cycle(hour) + noise; }, 8 * kWeek);
  CHECK(made.task.base == Base::kSlotOfDay);
  CHECK(made.task.transform.empty());  // it has values below 0
}

TEST_CASE("Data choices: a cycle of working days gives slots of the week") {
  const auto law = [](int64_t hour, double noise) {
    const bool working = hour % kWeek < 5 * 24;
    return (working ? 4 * cycle(hour) : 2.0) + noise;
  };
  CHECK(choose(law, 12 * kWeek).task.base == Base::kSlotOfWeek);
}

TEST_CASE("Data choices: a cycle of the year gives the seasonal base, given a year") {
  const auto law = [](int64_t hour, double noise) {
    return 8 * std::sin(2 * std::numbers::pi * static_cast<double>(hour) / (365.25 * 24)) + noise;
  };
  const DataChoices made = choose(law, 3 * 365 * 24);
  CHECK(made.task.base == Base::kSeasonal);
  CHECK(made.task.calendar ==
        std::vector<std::string>{"hour_of_day", "day_of_week", "day_of_year"});
  CHECK(choose(law, kWeek).task.calendar == std::vector<std::string>{"hour_of_day"});
}

TEST_CASE("Data choices: skewed values are transformed, the more the more they are skewed") {
  const auto products = [](int64_t, double noise) { return 20 * std::exp(noise); };
  CHECK(transform_of(choose(products, 8 * kWeek)) == Transform::kLog);
  const auto counts = [](int64_t, double noise) { return std::pow(std::max(0.0, 2 + noise), 2); };
  CHECK(transform_of(choose(counts, 8 * kWeek)) == Transform::kSquareRoot);
}

TEST_CASE("Data choices: what the task says stays, and nothing is left to the data twice") {
  const auto law = [](int64_t hour, double noise) { return std::exp(cycle(hour) + noise); };
  const Task hand = bare(R"(, "base": "mean", "calendar": ["day_of_year"])");
  const DataChoices made = choose(law, 8 * kWeek, hand);
  CHECK(made.lines.empty());
  CHECK(to_json(made.task) == to_json(hand));

  const DataChoices rooted = choose(law, 8 * kWeek, bare(R"(, "square_root": ["a"])"));
  CHECK(rooted.task.transform.empty());
  CHECK(rooted.task.base == Base::kSlotOfDay);

  const DataChoices first = choose(law, 8 * kWeek);
  const auto read = task_from_json(to_json(first.task), skipcast::storage::PlacesKind::kGraph);
  REQUIRE(read.ok());
  CHECK(to_json(*read) == to_json(first.task));
  CHECK_FALSE(read->automatic.base);
  CHECK_FALSE(read->automatic.transform);
  CHECK_FALSE(read->automatic.calendar);
}

TEST_CASE("Data choices: without windows to judge by the defaults stay") {
  const DataChoices made = choose([](int64_t, double noise) { return noise; }, 14);
  CHECK(made.task.base == Base::kMean);
  CHECK(made.lines.size() == 1);
}
