// The cache of decoded rows: what goes in comes out, memory is bounded, held rows stay as they are.
#include "storage/series/row_cache.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

using namespace skipcast::storage;

namespace {

constexpr size_t kMiB = size_t{1} << 20;

RowId row(int64_t first, int32_t variable = 0) {
  return {.variable = variable, .first = first, .states = 64};
}

std::string bytes_of(int64_t number, size_t size) {
  return std::string(size, static_cast<char>('a' + number % 26));
}

int64_t kept(RowCache& cache, int64_t rows) {
  int64_t count = 0;
  for (int64_t i = 0; i < rows; ++i) count += cache.find(row(i)) != nullptr;
  return count;
}

}  // namespace

TEST_CASE("RowCache: a row is found by kind, variable and first state, and nothing else") {
  RowCache cache(kMiB);
  cache.insert(row(64, 3), "abc");
  REQUIRE(cache.find(row(64, 3)) != nullptr);
  CHECK(*cache.find(row(64, 3)) == "abc");
  CHECK(cache.find(row(64, 2)) == nullptr);
  CHECK(cache.find(row(128, 3)) == nullptr);
  RowId gathered = row(64, 3);
  gathered.kind = RowKind::kGathered;
  CHECK(cache.find(gathered) == nullptr);
}

TEST_CASE("RowCache: memory is bounded, small rows and large ones") {
  for (const size_t size : {size_t{1000}, size_t{100'000}}) {
    CAPTURE(size);
    RowCache cache(16 * kMiB);
    const auto rows = static_cast<int64_t>(40 * kMiB / size);
    for (int64_t i = 0; i < rows; ++i) cache.insert(row(i), bytes_of(i, size));
    const int64_t left = kept(cache, rows);
    CHECK(left > static_cast<int64_t>(8 * kMiB / size));
    CHECK(left <= static_cast<int64_t>(16 * kMiB / size));
    CHECK(cache.find(row(rows - 1)) != nullptr);  // the newest is there
    for (int64_t i = 0; i < rows; ++i) {
      if (const RowCache::Row found = cache.find(row(i))) REQUIRE(*found == bytes_of(i, size));
    }
  }
}

TEST_CASE("RowCache: a row larger than its share is not kept") {
  RowCache cache(kMiB);
  cache.insert(row(0), std::string(kMiB / 8, 'x'));
  CHECK(cache.find(row(0)) == nullptr);
}

TEST_CASE("RowCache: a row in a reader's hands stays as it is, whatever takes its place") {
  const std::string mine(100'000, 'm');
  RowCache::Row held;
  {
    RowCache cache(4 * kMiB);
    cache.insert(row(7), mine);
    held = cache.find(row(7));
    REQUIRE(held != nullptr);
    for (int64_t i = 100; i < 400; ++i) cache.insert(row(i), bytes_of(i, 100'000));
    CHECK(cache.find(row(7)) == nullptr);
    CHECK(*held == mine);
  }
  CHECK(*held == mine);  // and outlives the cache
}

TEST_CASE("RowCache: four threads find only what was put in") {
  RowCache cache(4 * kMiB);
  std::atomic<int64_t> wrong = 0, found = 0;
  const auto work = [&](int64_t seed) {
    for (int64_t i = 0; i < 2000; ++i) {
      const int64_t number = (i * 7 + seed * 13) % 97;
      if (const RowCache::Row had = cache.find(row(number))) {
        ++found;
        wrong += *had != bytes_of(number, 70'000);
      } else {
        cache.insert(row(number), bytes_of(number, 70'000));
      }
    }
  };
  std::vector<std::thread> threads;
  for (int64_t seed = 0; seed < 4; ++seed) threads.emplace_back(work, seed);
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(found > 0);
}
