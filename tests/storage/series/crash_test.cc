// labels: crash
// kill -9 at random moments of opening, appending and recovering: nothing acknowledged is lost.
#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <thread>

#include "storage/series/series_store.h"
#include "storage/upkeep/series_verify.h"
#include "tests/support/child.h"
#include "tests/support/open_store.h"
#include "tests/support/series.h"
#include "tests/support/skip.h"

using namespace skipcast;
using namespace skipcast::storage;
using namespace skipcast::tests;

namespace {

constexpr int kKills = 40;

// Lets the child acknowledge some appends, waits a moment longer, kills it; the last size told.
int64_t run_and_kill(const std::string& path, std::mt19937& random) {
  Child child("CrashChild: appends until it is killed", path);
  int64_t acknowledged = -1;
  for (uint32_t acks = random() % 8; acks > 0; --acks) {
    acknowledged = child.next().value_or(acknowledged);
  }
  std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
  child.kill();
  while (const auto size = child.next()) acknowledged = *size;
  return acknowledged;
}

}  // namespace

TEST_CASE("CrashChild: appends until it is killed" * doctest::skip()) {
  const auto store = open_ok(child_argument(), OpenMode::kReadWrite);
  std::mt19937 random(static_cast<uint32_t>(store->size()) + 1);
  for (;;) {
    const int64_t states = random() % 4 == 0 ? 1 + random() % 2000 : 1 + random() % 80;
    const auto receipt = store->append(block_of(store->schema(), store->size(), states));
    REQUIRE_MESSAGE(receipt.ok(), receipt.status().message());
    tell_parent(store->size());
  }
}

TEST_CASE("SeriesStore: forty kills at random moments lose nothing acknowledged") {
  const TempDir folder;
  const std::string path = folder.file("a");
  const uint32_t seed = 20'250'101;
  INFO("seed ", seed);
  std::mt19937 random(seed);
  REQUIRE(SeriesStore::create(path, small_schema(3, 4)).ok());
  int64_t acknowledged = 0, acknowledged_kills = 0, size = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    INFO("kill ", kill);
    const int64_t told = run_and_kill(path, random);
    acknowledged_kills += told >= 0;
    acknowledged = std::max(acknowledged, told);
    const bool reader = random() % 2 == 0;
    const auto store = open_ok(path, reader ? OpenMode::kReadOnly : OpenMode::kReadWrite);
    size = store->size();
    REQUIRE(size >= acknowledged);
    const int64_t from = std::max<int64_t>(0, size - 5000);
    REQUIRE(difference(*store, from, size - from) == "");
  }
  CHECK(acknowledged_kills > kKills / 2);
  CHECK(acknowledged > 0);
  const auto store = open_ok(path, OpenMode::kReadWrite);
  REQUIRE(difference(*store, 0, store->size()) == "");
  const auto report = verify_series(path, {});
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  CHECK(report->states == store->size());
}
