// Erasing states: they read as missing at once and for good, and nothing else changes.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "storage/files/file_io.h"
#include "storage/series/archive_config.h"
#include "storage/series/series_store.h"
#include "storage/upkeep/series_verify.h"
#include "tests/support/open_store.h"
#include "tests/support/series.h"
#include "tests/support/skip.h"

using namespace skipcast;
using namespace skipcast::storage;
using namespace skipcast::tests;

namespace {

// What the store should hold: value_at, with these erasures.
std::vector<float> expected(const SeriesStore& store, const std::vector<Erasure>& erasures) {
  StateBlock block = block_of(store.schema(), 0, store.size());
  const int64_t places = store.schema().places.count(), width = store.schema().state_values();
  for (const Erasure& erasure : erasures) {
    for (int64_t i = erasure.first * width; i < (erasure.first + erasure.states) * width; ++i) {
      const auto place = static_cast<int32_t>(i % places);
      const bool hit = erasure.places.empty() ||
                       std::count(erasure.places.begin(), erasure.places.end(), place) > 0;
      if (hit) block.values[i] = std::numeric_limits<float>::quiet_NaN();
    }
  }
  return block.values;
}

void check_holds(const SeriesStore& store, const std::vector<Erasure>& erasures) {
  const std::vector<float> want = expected(store, erasures);
  std::vector<float> got(want.size());
  const Status read = store.read(0, store.size(), all_variables(store.schema()), got);
  REQUIRE_MESSAGE(read.ok(), read.message());
  CHECK(std::equal(got.begin(), got.end(), want.begin(), same));
}

}  // namespace

TEST_CASE("SeriesStore: erased states read as missing, now, after reopening, and to readers") {
  const TempDir folder;
  const std::string path = folder.file("a");
  const std::vector<Erasure> erasures = {{.first = 10, .states = 70},
                                         {.first = 100, .states = 30, .places = {1, 3}},
                                         {.first = 0, .states = 300, .places = {2}}};
  {
    const auto store = SeriesStore::create(path, small_schema(2, 4));
    REQUIRE(store.ok());
    REQUIRE((*store)->append(block_of((*store)->schema(), 0, 120)).ok());
    CHECK(read_config(path)->format_version == 1);
    REQUIRE((*store)->erase(erasures[0]).ok());
    REQUIRE((*store)->append(block_of((*store)->schema(), 120, 180)).ok());
    REQUIRE((*store)->erase(erasures[1]).ok());
    REQUIRE((*store)->erase(erasures[2]).ok());
    CHECK(read_config(path)->format_version == 2);
    check_holds(**store, erasures);
    CHECK((*store)->last().block == 5);
    CHECK((*store)->last().states == 300);
  }
  for (const OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite}) {
    const auto store = open_ok(path, mode);
    check_holds(*store, erasures);
    REQUIRE(store->erasures().size() == 3);
    CHECK(store->erasures()[1].block == 4);
    CHECK(store->erasures()[1].places == std::vector<int32_t>{1, 3});
    CHECK(store->blocks()[1].states == 0);
  }
  const auto report = verify_series(path, {});
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  CHECK(report->states == 300);
  CHECK(report->blocks == 5);
}

TEST_CASE("SeriesStore: erased states are not brought back by the source file") {
  const TempDir folder;
  const auto created = SeriesStore::create(folder.file("a"), small_schema(2, 3));
  REQUIRE(created.ok());
  SeriesStore& store = **created;
  const Erasure erasure{.first = 5, .states = 3, .places = {0}};
  REQUIRE(store.append(block_of(store.schema(), 0, 50)).ok());
  REQUIRE(store.erase(erasure).ok());
  const auto again = store.append(block_of(store.schema(), 0, 60));
  REQUIRE_MESSAGE(again.ok(), again.status().message());
  CHECK(again->states_skipped == 50);
  check_holds(store, {erasure});
  StateBlock other = block_of(store.schema(), 0, 60);
  other.values[5 * 6 + 1] += 1;  // place 1 was not erased
  CHECK(store.append(other).status().code() == Code::kRefused);
}

TEST_CASE("SeriesStore: a stretch that several appends fill is gathered around what is erased") {
  const TempDir folder;
  const std::string path = folder.file("a");
  const Erasure erasure{.first = 3, .states = 20};
  {
    const auto store = SeriesStore::create(path, small_schema(1, 2));
    REQUIRE(store.ok());
    REQUIRE((*store)->append(block_of((*store)->schema(), 0, 40)).ok());
    REQUIRE((*store)->erase(erasure).ok());
    REQUIRE((*store)->append(block_of((*store)->schema(), 40, 100)).ok());
    check_holds(**store, {erasure});
  }
  check_holds(*open_ok(path, OpenMode::kReadOnly), {erasure});
  CHECK(verify_series(path, {}).ok());
}

TEST_CASE("SeriesStore: states and places that are not there cannot be erased") {
  const TempDir folder;
  const std::string path = folder.file("a");
  const auto store = SeriesStore::create(path, small_schema(2, 3));
  REQUIRE(store.ok());
  REQUIRE((*store)->append(block_of((*store)->schema(), 0, 50)).ok());
  for (const Erasure& wrong :
       {Erasure{.first = -1, .states = 2}, Erasure{.first = 50, .states = 1},
        Erasure{.first = 49, .states = 2}, Erasure{.first = 0, .states = 0},
        Erasure{.first = 1, .states = INT64_MAX}, Erasure{.first = 0, .states = 1, .places = {3}},
        Erasure{.first = 0, .states = 1, .places = {1, 1}}}) {
    CHECK((*store)->erase(wrong).code() == Code::kNotFound);
  }
  CHECK((*store)->last().block == 1);
  CHECK(read_config(path)->format_version == 1);
  const auto reader = open_ok(path, OpenMode::kReadOnly);
  CHECK(reader->erase({.first = 0, .states = 1}).code() == Code::kRefused);
}

TEST_CASE("SeriesStore: chains tell one history from another") {
  const TempDir folder;
  const std::string a = folder.file("a"), b = folder.file("b");
  uint32_t shared = 0;
  {
    const auto store = SeriesStore::create(a, small_schema(1, 2));
    REQUIRE(store.ok());
    REQUIRE((*store)->append(block_of((*store)->schema(), 0, 10)).ok());
    shared = (*store)->last().chain;
  }
  std::filesystem::copy(a, b, std::filesystem::copy_options::recursive);
  const auto one = open_ok(a, OpenMode::kReadWrite), other = open_ok(b, OpenMode::kReadWrite);
  StateBlock next = block_of(one->schema(), 10, 5);
  REQUIRE(one->append(next).ok());
  next.values[0] = 77;
  REQUIRE(other->append(next).ok());
  CHECK(one->chain_at(1) == shared);
  CHECK(other->chain_at(1) == shared);
  CHECK(one->last().chain == one->chain_at(2));
  CHECK(one->chain_at(2) != other->chain_at(2));
  CHECK(one->chain_at(0) == other->chain_at(0));
}
