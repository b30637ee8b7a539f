// labels: unit
// Windows that choose and windows that confirm: apart in time, whatever the draw.
#include "engine/evaluation/window_draw.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <set>

#include "engine/evaluation/evaluate.h"
#include "tests/support/gaussian_city.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::WindowDraw;
using engine::WindowRole;

constexpr WindowRole kChoosing = WindowRole::kChoosing, kConfirming = WindowRole::kConfirming;

std::vector<int64_t> steps(int64_t first, int64_t count, int64_t stride) {
  std::vector<int64_t> origins;
  for (int64_t i = 0; i < count; ++i) origins.push_back(first + i * stride);
  return origins;
}

int64_t least_distance(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  int64_t least = std::numeric_limits<int64_t>::max();
  for (const int64_t left : a) {
    for (const int64_t right : b) least = std::min(least, std::abs(left - right));
  }
  return least;
}

TEST_CASE("Window draw: no confirming window shares a state with one that chooses") {
  for (const int64_t stride : {1, 6}) {
    const auto origins = steps(1000, 3000 / stride, stride);
    for (uint64_t seed = 0; seed < 30; ++seed) {
      const auto choosing = engine::origins_of_role(origins, 24, {kChoosing, 0, seed});
      const auto confirming = engine::origins_of_role(origins, 24, {kConfirming, 0, seed});
      CHECK(least_distance(choosing, confirming) >= 24);
      // Half of the origins choose; what lies too near to them is all that is lost.
      CHECK(choosing.size() == origins.size() / 2);
      CHECK(confirming.size() > origins.size() / 4);
    }
  }
}

TEST_CASE("Window draw: either role comes in blocks all over the part, another draw in others") {
  const auto origins = steps(0, 4000, 1);
  std::set<std::vector<int64_t>> draws;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const auto choosing = engine::origins_of_role(origins, 24, {kChoosing, 0, seed});
    draws.insert(choosing);
    CHECK(choosing == engine::origins_of_role(origins, 24, {kChoosing, 0, seed}));
    for (int64_t part = 0; part < 10; ++part) {  // one block of each of ten pairs
      const auto inside = std::count_if(choosing.begin(), choosing.end(),
                                        [part](int64_t origin) { return origin / 400 == part; });
      CHECK(inside == 200);
    }
  }
  CHECK(draws.size() == 10);
}

TEST_CASE("Window draw: so many of them, evenly spaced; all where there are no more") {
  const auto origins = steps(0, 1000, 1);
  const auto drawn = engine::drawn_of(origins, {kChoosing, 50, 3});
  REQUIRE(drawn.size() == 50);
  for (size_t i = 1; i < drawn.size(); ++i) CHECK(drawn[i] - drawn[i - 1] == 20);
  CHECK(drawn != engine::drawn_of(origins, {kChoosing, 50, 4}));
  CHECK(engine::drawn_of(origins, {kChoosing, 5000, 3}) == origins);
}

TEST_CASE("Window draw: a part too short for two sets has none that confirm") {
  const auto origins = steps(0, 20, 1);
  CHECK(engine::origins_of_role(origins, 24, {kChoosing, 0, 1}).size() == 10);
  CHECK(engine::origins_of_role(origins, 24, {kConfirming, 0, 1}).empty());
  CHECK(engine::origins_of_role({}, 24, {kConfirming, 0, 1}).empty());
}

TEST_CASE("Window draw: of a forecaster, a window of context and future apart, observed ones") {
  constexpr engine::Split kSplit = {.states = 900, .train_end = 300, .validation_end = 800};
  const MemoryStore store = ar1_store(900);
  auto opened = engine::Forecaster::with_model(store, gaussian_model(store, kSplit));
  REQUIRE(opened.ok());
  const auto drawn = [&](WindowRole role) {
    return engine::drawn_origins(**opened, engine::Part::kValidation, {role, 40, 1});
  };
  const auto choosing = drawn(kChoosing), confirming = drawn(kConfirming);
  CHECK(choosing.size() == 40);
  CHECK(confirming.size() == 40);
  CHECK(least_distance(choosing, confirming) >= 7);  // 4 of context, 3 of future
  const auto all = engine::scored_origins(**opened, engine::Part::kValidation, 0);
  CHECK(std::includes(all.begin(), all.end(), choosing.begin(), choosing.end()));
}

}  // namespace
}  // namespace skipcast::tests
