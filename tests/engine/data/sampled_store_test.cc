// A sample of an archive: the values of some of its places, and the least of all of them.
#include "engine/data/sampled_store.h"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/memory_store.h"
#include "tests/support/torch_doctest.h"

namespace {

using namespace skipcast::engine;
using skipcast::Code;
using skipcast::tests::memory_schema;
using skipcast::tests::MemoryStore;

// 40 states of 2 variables at 5 places: 100 state + 10 variable + place.
MemoryStore counted() {
  std::vector<float> values;
  for (int state = 0; state < 40; ++state) {
    for (int rest = 0; rest < 10; ++rest) {
      values.push_back(static_cast<float>(100 * state + rest / 5 * 10 + rest % 5));
    }
  }
  values[1 * 10 + 5 + 1] = -7;  // the second variable, at a place that is not sampled
  values[3] = std::numeric_limits<float>::quiet_NaN();
  return MemoryStore(memory_schema(2, 5), values);
}

}  // namespace

TEST_CASE("Sampled store: holds the values of places spread over the archive's") {
  const MemoryStore store = counted();
  const auto sample =
      SampledStore::make(store, {.variables = {1, 0}, .states = 30, .places_max = 3}).value();
  CHECK(sample->size() == 30);
  CHECK(sample->schema().places.count() == 3);
  CHECK(sample->schema().variables[0].name == store.schema().variables[1].name);
  CHECK(sample->store_id() == store.store_id());
  std::vector<float> values(2 * 2 * 3);
  REQUIRE(sample->read(8, 2, std::vector<int32_t>{1, 0}, values).ok());
  CHECK(values == std::vector<float>{800, 802, 804, 810, 812, 814, 900, 902, 904, 910, 912, 914});
  CHECK(sample->read(29, 2, std::vector<int32_t>{0}, values).code() == Code::kNotFound);
}

TEST_CASE("Sampled store: the least value is of all places, and knows no gaps") {
  const MemoryStore store = counted();
  const auto one = SampledStore::make(store, {{0, 1}, 40, 1}).value();
  CHECK(one->schema().places.count() == 1);
  CHECK(one->least() == std::vector<float>{0, -7});
  const auto all = SampledStore::make(store, {{0, 1}, 1, 99}).value();
  CHECK(all->schema().places.count() == 5);
  CHECK(all->least() == std::vector<float>{0, 10});
}

TEST_CASE("Sampled store: is not written to") {
  const MemoryStore store = counted();
  const auto sample = SampledStore::make(store, {{0}, 40, 2}).value();
  CHECK(sample->append({40, 1, {1, 2}}).status().code() == Code::kRefused);
  CHECK(sample->erase({0, 0, 1, {}}).code() == Code::kRefused);
  CHECK(sample->set_tasks("[]").code() == Code::kRefused);
}
