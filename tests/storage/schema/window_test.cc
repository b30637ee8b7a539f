#include "storage/schema/window.h"

#include <doctest/doctest.h>

using namespace skipcast::storage;

TEST_CASE("window_origins: the first and last origin fit exactly") {
  const TimeAxis axis{.step_s = 3600};
  const auto origins = window_origins(axis, {.context_states = 3, .future_states = 2}, 10, 20);
  REQUIRE(origins.size() == 7);
  CHECK(origins.front() == 12);  // context 10, 11, 12
  CHECK(origins.back() == 18);   // future 19, 20
  CHECK(window_origins(axis, {3, 2}, 10, 14).size() == 1);
  CHECK(window_origins(axis, {3, 2}, 10, 13).empty());
  CHECK(window_origins(axis, {3, 2}, 10, 5).empty());
  CHECK(window_origins(axis, {0, 2}, 0, 50).empty());
}

TEST_CASE("window_origins: no window crosses a session's end") {
  const TimeAxis axis{.step_s = 600, .session_states = 10};
  const auto origins = window_origins(axis, {.context_states = 4, .future_states = 3}, 0, 29);
  REQUIRE(origins.size() == 3 * 4);
  for (const int64_t origin : origins) {
    CHECK((origin - 3) / 10 == (origin + 3) / 10);
  }
  CHECK(origins[0] == 3);
  CHECK(origins[3] == 6);
  CHECK(origins[4] == 13);
}
