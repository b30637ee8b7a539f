#include "storage/window.h"

#include <doctest/doctest.h>

#include "tests/support/series.h"
#include "tests/support/skip.h"

using namespace skipcast;
using namespace skipcast::storage;
using namespace skipcast::tests;

namespace {

std::unique_ptr<SeriesStore> filled(const std::string& path, const Schema& schema, int64_t states) {
  auto store = SeriesStore::create(path, schema);
  REQUIRE_MESSAGE(store.ok(), store.status().message());
  REQUIRE((*store)->append(block_of(schema, 0, states)).ok());
  return std::move(store).value();
}

void check_values(const std::vector<float>& got, int64_t first, int64_t variables, int64_t places) {
  for (size_t i = 0; i < got.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    CHECK(same(got[i], value_at(first + at / places / variables, at / places % variables,
                                at % places)));
  }
}

}  // namespace

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

TEST_CASE("read_context and read_future: at both edges of the archive") {
  const TempDir folder;
  const Schema schema = small_schema(2, 3);
  const auto store = filled(folder.file("a"), schema, 100);
  const WindowSpec spec{.context_states = 5, .future_states = 4};
  std::vector<float> context(5 * 2 * 3), future(4 * 2 * 3);
  const auto variables = all_variables(schema);
  for (const int64_t origin : {4, 50, 63, 64, 95}) {
    REQUIRE(read_context(*store, spec, origin, variables, context).ok());
    check_values(context, origin - 4, 2, 3);
    REQUIRE(read_future(*store, spec, origin, variables, future).ok());
    check_values(future, origin + 1, 2, 3);
  }
  CHECK(read_context(*store, spec, 3, variables, context).code() == Code::kNotFound);
  CHECK(read_future(*store, spec, 96, variables, future).code() == Code::kNotFound);
  CHECK(read_context(*store, spec, 99, variables, context).ok());
  CHECK(read_context(*store, spec, 100, variables, context).code() == Code::kNotFound);
}

TEST_CASE("read_context and read_future: a break of the calendar is named") {
  const TempDir folder;
  Schema schema = small_schema(1, 1);
  schema.axis = {.start_s = from_civil(2019, 1, 1, 5 * 3600), .step_s = 600, .session_states = 10};
  const auto store = filled(folder.file("a"), schema, 30);
  const WindowSpec spec{.context_states = 4, .future_states = 3};
  std::vector<float> context(4), future(3);
  const std::vector<int32_t> one{0};
  CHECK(read_context(*store, spec, 13, one, context).ok());
  const Status crossing = read_context(*store, spec, 11, one, context);
  CHECK(crossing.code() == Code::kBadInput);
  CHECK(crossing.message().find("2019-01-01T06:20:00Z") != std::string::npos);
  CHECK(crossing.message().find("2019-01-02T05:10:00Z") != std::string::npos);
  CHECK(read_future(*store, spec, 6, one, future).ok());
  CHECK(read_future(*store, spec, 7, one, future).code() == Code::kBadInput);
  CHECK(read_future(*store, spec, 9, one, future).code() == Code::kBadInput);
}
