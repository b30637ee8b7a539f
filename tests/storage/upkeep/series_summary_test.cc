#include "storage/upkeep/series_summary.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <limits>

#include "storage/files/file_io.h"
#include "tests/support/series.h"
#include "tests/support/skip.h"

using namespace skipcast;
using namespace skipcast::storage;
using namespace skipcast::tests;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// 100 states of 2 variables at 2 places; all values 1 but: v0 missing everywhere 10..14,
// v1 missing at place 1 from 90 to the end, both missing everywhere 40..41, one value 9.
StateBlock block_with_gaps() {
  StateBlock block{.first = 0, .states = 100};
  block.values.assign(400, 1.0f);
  const auto set = [&](int64_t state, int64_t variable, int64_t place, float value) {
    block.values[(state * 2 + variable) * 2 + place] = value;
  };
  for (int64_t s = 10; s < 15; ++s) set(s, 0, 0, kNan), set(s, 0, 1, kNan);
  for (int64_t s = 90; s < 100; ++s) set(s, 1, 1, kNan);
  for (int64_t s = 40; s < 42; ++s) {
    for (int i = 0; i < 4; ++i) set(s, i / 2, i % 2, kNan);
  }
  set(50, 1, 0, 9.0f);
  return block;
}

}  // namespace

TEST_CASE("summarise: shares, gaps, ranges and the span of a series") {
  const TempDir folder;
  const auto store = SeriesStore::create(folder.file("a"), small_schema(2, 2));
  REQUIRE(store.ok());
  REQUIRE((*store)->append(block_with_gaps()).ok());
  double told = 0;
  const auto summary = summarise(**store, [&](const ProgressStep& step) {
    told = step.fraction;
    return true;
  });
  REQUIRE(summary.ok());
  CHECK(told == 1.0);
  CHECK(summary->states == 100);
  CHECK(format_time(summary->first_time_s) == "2020-01-01T00:00:00Z");
  CHECK(format_time(summary->last_time_s) == "2020-01-05T03:00:00Z");
  CHECK(summary->longest_gap.first == 40);
  CHECK(summary->longest_gap.states == 2);
  const VariableSummary& v0 = summary->variables[0];
  const VariableSummary& v1 = summary->variables[1];
  CHECK(v0.name == "v0");
  CHECK(v0.missing == 14);
  CHECK(v0.missing_share == doctest::Approx(0.07));
  CHECK(v0.longest_gap.first == 10);
  CHECK(v0.longest_gap.states == 5);
  CHECK(v1.longest_gap.states == 2);
  CHECK(v1.longest_place_gap.first == 90);
  CHECK(v1.longest_place_gap.states == 10);
  CHECK(v1.longest_place_gap.place == 1);
  CHECK(v1.max == 9.0f);
  CHECK(v1.min == 1.0f);
  CHECK(v1.mean == doctest::Approx((185.0 + 9.0) / 186.0));
  CHECK(summary->missing_share == doctest::Approx((0.07 + 0.07) / 2));
}

TEST_CASE("summarise: an empty series, an all-missing variable, and stopping") {
  const TempDir folder;
  const auto store = SeriesStore::create(folder.file("a"), small_schema(1, 2));
  REQUIRE(store.ok());
  CHECK(summarise(**store, {})->states == 0);
  REQUIRE((*store)->append({.first = 0, .states = 3, .values = std::vector<float>(6, kNan)}).ok());
  const auto summary = summarise(**store, {});
  CHECK(summary->variables[0].missing_share == 1.0);
  CHECK(summary->variables[0].longest_gap.states == 3);
  CHECK(summary->variables[0].mean == 0);
  CHECK(summarise(**store, [](const ProgressStep&) { return false; }).status().code() ==
        Code::kInterrupted);
}

TEST_CASE("archive_sizes: every file is counted once, under its part") {
  const TempDir folder;
  const std::string path = folder.file("a");
  REQUIRE(SeriesStore::create(path, small_schema(1, 2)).ok());
  for (const char* part : {"index", "models", "policies"}) {
    std::filesystem::create_directories(path + "/" + part + "/deeper");
  }
  REQUIRE(write_file_durably(path + "/index/deeper/x", std::string(1000, 'x')).ok());
  REQUIRE(write_file_durably(path + "/models/x", std::string(200, 'x')).ok());
  REQUIRE(write_file_durably(path + "/policies/x", std::string(30, 'x')).ok());
  REQUIRE(write_file_durably(path + "/notes", std::string(4, 'x')).ok());
  const auto sizes = archive_sizes(path);
  REQUIRE(sizes.ok());
  CHECK(sizes->index_bytes == 1000);
  CHECK(sizes->models_bytes == 200);
  CHECK(sizes->policies_bytes == 30);
  CHECK(sizes->other_bytes == 4);
  CHECK(sizes->head_bytes == 8192);
  CHECK(sizes->config_bytes > 100);
  CHECK(sizes->database_bytes > 100);
  CHECK(sizes->total_bytes() == 1234 + 8192 + sizes->config_bytes + sizes->database_bytes);
  CHECK(archive_sizes(folder.file("b")).status().code() == Code::kNotFound);
}
