#include "retrieval/scaling/normalizer.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "retrieval/scaling/slots.h"
#include "tests/support/memory_store.h"
#include "tests/support/synthetic_series.h"

namespace skipcast::retrieval {
namespace {

using tests::memory_schema;
using tests::MemoryStore;

const float kMissing = std::nanf("");

std::vector<float> all_values(const MemoryStore& store, const std::vector<int32_t>& variables) {
  std::vector<float> values(static_cast<size_t>(store.size() * store.schema().places.count()) *
                            variables.size());
  REQUIRE(store.read(0, store.size(), variables, values).ok());
  return values;
}

MemoryStore synthetic_store(int64_t states, double missing = 0) {
  return MemoryStore(memory_schema(2, 3), tests::synthetic_values({states, 2, 3, 5, missing}));
}

}  // namespace

TEST_CASE("Normalizer: mean base gives each variable and place mean 0 and variance 1") {
  const MemoryStore store = synthetic_store(3000, 0.1);
  const auto normalizer = Normalizer::fit(store, {{0, 1}, Base::kMean, 3000});
  REQUIRE(normalizer.ok());
  std::vector<float> values = all_values(store, {0, 1});
  normalizer->normalise(0, store.size(), values);
  for (size_t cell = 0; cell < 6; ++cell) {
    double sum = 0, squares = 0, count = 0;
    for (size_t i = cell; i < values.size(); i += 6) {
      if (std::isnan(values[i])) continue;
      sum += values[i];
      squares += double{values[i]} * values[i];
      ++count;
    }
    CHECK(sum / count == doctest::Approx(0).epsilon(1e-4).scale(1));
    CHECK(squares / count == doctest::Approx(1).epsilon(1e-4));
  }
}

TEST_CASE("Normalizer: statistics come from the training part only") {
  MemoryStore store = synthetic_store(1000);
  const auto before = Normalizer::fit(store, {{0}, Base::kSlotOfWeek, 600});
  for (size_t i = 600 * 6; i < store.values().size(); ++i) store.values()[i] = 1e6f;
  const auto after = Normalizer::fit(store, {{0}, Base::kSlotOfWeek, 600});
  REQUIRE((before.ok() && after.ok()));
  CHECK(before->to_json() == after->to_json());
  CHECK(Normalizer::fit(store, {{0}, Base::kSlotOfWeek, 601})->to_json() != after->to_json());
}

TEST_CASE("Normalizer: slot-of-week base is the mean of the slot, the whole where it has few") {
  storage::Schema schema = memory_schema(1, 1);
  std::vector<float> values(168 * 4, 5.0f);
  double sum = 0;
  for (int week = 0; week < 4; ++week) values[static_cast<size_t>(week * 168 + 30)] = 9.0f + week;
  values[31] = values[31 + 168] = kMissing;  // two values are left: too few
  values[31 + 336] = 100;
  int count = 0;
  for (const float value : values) {
    if (std::isnan(value)) continue;
    sum += value;
    ++count;
  }
  const MemoryStore store(schema, values);
  const auto normalizer = Normalizer::fit(store, {{0}, Base::kSlotOfWeek, store.size()});
  REQUIRE(normalizer.ok());
  CHECK(normalizer->slots() == 168);
  CHECK(normalizer->slot_of(0) == 0);  // the axis begins on a Monday
  CHECK(normalizer->slot_of(168 * 9 + 30) == 30);
  CHECK(normalizer->base()[30] == doctest::Approx(10.5));
  CHECK(normalizer->base()[29] == doctest::Approx(5));
  CHECK(normalizer->base()[31] == doctest::Approx(sum / count));
}

TEST_CASE("Normalizer: slots follow the week, the session, or the year") {
  storage::TimeAxis axis{1514764800, 300};
  CHECK(slot_count(axis) == 2016);
  CHECK(slot_of_state(axis, 2016 * 3 + 7) == 7);
  CHECK(slot_of_state(axis, -1) == 2015);
  axis.step_s = 60;
  CHECK(slot_count(axis) == 2016);
  CHECK(slot_of_state(axis, 12) == 2);
  axis = {1514764800, 600, 0, 108, true};
  CHECK(slot_count(axis) == 108);
  CHECK(slot_of_state(axis, 108 * 6 + 5) == 5);
  axis = {1514764800, 86400};
  CHECK(slot_count(axis) == 24);
  CHECK(slot_of_state(axis, 14) == 0);  // 15 January
  CHECK(slot_of_state(axis, 15) == 1);
  CHECK(slot_of_state(axis, 364) == 23);
  axis = {1514764800, 0, 1};
  CHECK(slot_count(axis) == 12);
  CHECK(slot_of_state(axis, 25) == 1);
}

TEST_CASE("Normalizer: denormalise is the inverse, also for log variables, and keeps NaN") {
  for (const bool log : {false, true}) {
    storage::Schema schema = memory_schema(2, 3);
    schema.variables[1].log_transform = log;
    const MemoryStore store(schema, tests::synthetic_values({900, 2, 3, 6, 0.2}));
    const auto normalizer = Normalizer::fit(store, {{1, 0}, Base::kSlotOfWeek, 700});
    REQUIRE(normalizer.ok());
    const std::vector<float> values = all_values(store, {1, 0});
    std::vector<float> moved = values;
    normalizer->normalise(0, store.size(), moved);
    std::vector<float> one(moved.begin(), moved.begin() + 3);  // state 0, variable 1
    normalizer->denormalise(0, store.size(), moved);
    normalizer->denormalise_one(0, 0, 1, one);
    for (size_t i = 0; i < values.size(); ++i) {
      REQUIRE(std::isnan(values[i]) == std::isnan(moved[i]));
      if (!std::isnan(values[i])) REQUIRE(moved[i] == doctest::Approx(values[i]).epsilon(1e-5));
    }
    CHECK(std::memcmp(one.data(), moved.data(), 12) == 0);
  }
}

TEST_CASE("Normalizer: a place that never varies gets scale 1") {
  std::vector<float> values;
  for (int i = 0; i < 200; ++i) values.insert(values.end(), {3.25f, static_cast<float>(i)});
  const MemoryStore store(memory_schema(1, 2), values);
  const auto normalizer = Normalizer::fit(store, {{0}, Base::kMean, 200});
  REQUIRE(normalizer.ok());
  CHECK(normalizer->scale()[0] == 1);
  CHECK(normalizer->scale()[1] > 50);
}

TEST_CASE("Normalizer: a variable missing throughout at a place is refused by name") {
  std::vector<float> values;
  for (int i = 0; i < 200; ++i) values.insert(values.end(), {1.0f, i < 100 ? kMissing : 2.0f});
  const MemoryStore store(memory_schema(1, 2), values);
  CHECK(Normalizer::fit(store, {{0}, Base::kMean, 200}).ok());
  const Status status = Normalizer::fit(store, {{0}, Base::kMean, 100}).status();
  CHECK(status.code() == Code::kBadInput);
  CHECK(status.message().find("'a'") != std::string::npos);
  CHECK(status.message().find("'p1'") != std::string::npos);
}

TEST_CASE("Normalizer: a log variable with a value of -1 or less is refused with its time") {
  storage::Schema schema = memory_schema(1, 1);
  schema.variables[0].log_transform = true;
  std::vector<float> values(100, 4);
  values[26] = -1;
  const MemoryStore store(schema, values);
  const Status status = Normalizer::fit(store, {{0}, Base::kMean, 100}).status();
  CHECK(status.code() == Code::kBadInput);
  CHECK(status.message().find("2018-01-02T02") != std::string::npos);
  const auto normalizer = Normalizer::fit(store, {{0}, Base::kMean, 20});
  REQUIRE(normalizer.ok());
  std::vector<float> later = {-1, -7, 4};
  normalizer->normalise(30, 3, later);
  CHECK((std::isnan(later[0]) && std::isnan(later[1]) && later[2] == 0));
}

TEST_CASE("Normalizer: wrong requests are usage errors, and progress can stop the fit") {
  const MemoryStore store = synthetic_store(100);
  CHECK(Normalizer::fit(store, {{}, Base::kMean, 50}).status().code() == Code::kUsage);
  CHECK(Normalizer::fit(store, {{2}, Base::kMean, 50}).status().code() == Code::kUsage);
  CHECK(Normalizer::fit(store, {{0}, Base::kMean, 0}).status().code() == Code::kUsage);
  CHECK(Normalizer::fit(store, {{0}, Base::kMean, 101}).status().code() == Code::kUsage);
  const auto stop = [](const ProgressStep&) { return false; };
  CHECK(Normalizer::fit(store, {{0}, Base::kMean, 50}, stop).status().code() == Code::kInterrupted);
}

TEST_CASE("Normalizer: JSON brings back the same bits and the same fingerprint") {
  const MemoryStore store = synthetic_store(800, 0.05);
  for (const Base base : {Base::kMean, Base::kSlotOfWeek, Base::kSlotOfDay, Base::kSeasonal}) {
    const auto normalizer = Normalizer::fit(store, {{1}, base, 500});
    REQUIRE(normalizer.ok());
    const auto back = Normalizer::from_json(normalizer->to_json());
    REQUIRE(back.ok());
    CHECK(back->to_json() == normalizer->to_json());
    CHECK(back->fingerprint() == normalizer->fingerprint());
    CHECK(std::equal(back->base().begin(), back->base().end(), normalizer->base().begin()));
    CHECK(back->slot_of(777) == normalizer->slot_of(777));
    std::vector<float> a = all_values(store, {1}), b = a;
    normalizer->normalise(0, store.size(), a);
    back->normalise(0, store.size(), b);
    CHECK(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
  }
}

TEST_CASE("Normalizer: damaged JSON is refused, never trusted") {
  const MemoryStore store = synthetic_store(800);
  const std::string text = Normalizer::fit(store, {{1}, Base::kMean, 500})->to_json();
  CHECK(Normalizer::from_json("").status().code() == Code::kBadInput);
  CHECK(Normalizer::from_json("{}").status().code() == Code::kBadInput);
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string other = text;
    const size_t at = other.find(from);
    REQUIRE(at != std::string::npos);
    return Normalizer::from_json(other.replace(at, from.size(), to)).status().code();
  };
  CHECK(changed("\"places\":3", "\"places\":4") == Code::kBadInput);
  CHECK(changed("\"places\":3", "\"places\":2147483647") == Code::kBadInput);
  CHECK(changed("\"places\":3", "\"places\":-1") == Code::kBadInput);
  CHECK(changed("\"scale\":\"", "\"scale\":\"A") == Code::kBadInput);
  CHECK(changed("\"variables\":[1]", "\"variables\":[1,2]") == Code::kBadInput);
  CHECK(changed("\"version\":1", "\"version\":2") == Code::kUnsupported);
  CHECK(changed("\"base_kind\":\"mean\"", "\"base_kind\":\"none\"") == Code::kBadInput);
}

}  // namespace skipcast::retrieval
