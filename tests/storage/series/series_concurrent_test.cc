// Several readers, one writer; in one process and in two.
#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <random>
#include <thread>

#include "storage/files/file_io.h"
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

// Every file of an archive with its time of change.
std::map<std::string, std::filesystem::file_time_type> files_of(const std::string& path) {
  std::map<std::string, std::filesystem::file_time_type> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    files[entry.path().string()] = entry.last_write_time();
  }
  return files;
}

}  // namespace

TEST_CASE("ConcurrentChild: appends a hundred blocks" * doctest::skip()) {
  const auto store = open_ok(child_argument(), OpenMode::kReadWrite);
  tell_parent(0);
  for (int i = 0; i < 100; ++i) {
    REQUIRE(store->append(block_of(store->schema(), store->size(), 700)).ok());
    tell_parent(store->size());
  }
}

TEST_CASE("ConcurrentChild: opens as a second writer" * doctest::skip()) {
  const auto store = SeriesStore::open(child_argument(), OpenMode::kReadWrite);
  tell_parent(static_cast<int64_t>(store.status().code()));
}

TEST_CASE("SeriesStore: three threads read while one appends") {
  const TempDir folder;
  auto created = SeriesStore::create(folder.file("a"), small_schema(3, 4, Codec::kZstd));
  REQUIRE(created.ok());
  SeriesStore& store = **created;
  std::atomic<bool> done = false;
  std::atomic<int64_t> wrong = 0, reads = 0;
  const auto reader = [&](uint32_t seed) {
    std::mt19937 random(seed);
    while (!done) {
      const int64_t size = store.size();
      if (size == 0) continue;
      const int64_t count = std::min<int64_t>(size, 1 + random() % 100);
      const int64_t first = random() % 2 ? size - count : random() % (size - count + 1);
      wrong += difference(store, first, count) != "";
      ++reads;
    }
  };
  std::vector<std::thread> readers;
  for (uint32_t seed = 0; seed < 3; ++seed) readers.emplace_back(reader, seed);
  bool appended = true;
  for (int i = 0; i < 150; ++i) {
    appended &= store.append(block_of(store.schema(), store.size(), 1 + i % 90)).ok();
    if (i % 50 == 0) appended &= store.set_tasks("[" + std::to_string(i) + "]").ok();
  }
  done = true;
  for (std::thread& thread : readers) thread.join();
  CHECK(appended);
  CHECK(wrong == 0);
  CHECK(reads > 0);
}

TEST_CASE("SeriesStore: a reader in another process sees whole acknowledged blocks only") {
  const TempDir folder;
  const std::string path = folder.file("a");
  REQUIRE(SeriesStore::create(path, small_schema(3, 4)).ok());
  Child writer("ConcurrentChild: appends a hundred blocks", path);
  REQUIRE(writer.next() == 0);
  int64_t size = 0, grown = 0, acknowledged = 0;
  for (int i = 0; i < 25; ++i) {
    for (int acks = 0; acks < 4; ++acks) acknowledged = writer.next().value_or(acknowledged);
    const auto store = open_ok(path, OpenMode::kReadOnly);
    CHECK(store->size() % 700 == 0);
    CHECK(store->size() >= acknowledged);
    grown += store->size() > size;
    size = store->size();
    const int64_t recent = std::min<int64_t>(size, 1000);
    CHECK(difference(*store, size - recent, recent) == "");
  }
  CHECK(writer.wait() == 0);
  CHECK(grown > 1);  // it looked while the other wrote
  CHECK(open_ok(path, OpenMode::kReadOnly)->size() == 70'000);
}

// Every opening for writing flushes what the last one appended, and every few flushes start a
// compaction in the background, which deletes files under the reader that checks them.
TEST_CASE("verify_series: a writer's compaction is no damage") {
  const TempDir folder;
  const std::string path = folder.file("a");
  REQUIRE(SeriesStore::create(path, small_schema(3, 4)).ok());
  for (int i = 0; i < 60; ++i) {
    const auto store = open_ok(path, OpenMode::kReadWrite);
    const auto report = verify_series(path, {});
    REQUIRE_MESSAGE(report.ok(), report.status().message());
    CHECK(report->states == store->size());
    REQUIRE(store->append(block_of(store->schema(), store->size(), 300)).ok());
  }
}

TEST_CASE("SeriesStore: a second writer is told that the archive is locked") {
  const TempDir folder;
  const std::string path = folder.file("a");
  const auto store = SeriesStore::create(path, small_schema(1, 1));
  REQUIRE(store.ok());
  const auto second = SeriesStore::open(path, OpenMode::kReadWrite);
  CHECK(second.status().code() == Code::kLocked);
  CHECK(second.status().message().find(path) != std::string::npos);
  Child other("ConcurrentChild: opens as a second writer", path);
  CHECK(other.next() == static_cast<int64_t>(Code::kLocked));
  CHECK(SeriesStore::open(path, OpenMode::kReadOnly).ok());
  CHECK((*store)->append(block_of((*store)->schema(), 0, 5)).ok());
}

TEST_CASE("SeriesStore: a reader leaves every file as it is, a writer rolls it forward") {
  const TempDir folder;
  const std::string path = folder.file("a"), head = path + "/HEAD";
  std::string before;
  {
    const auto store = SeriesStore::create(path, small_schema(2, 2));
    REQUIRE(store.ok());
    REQUIRE((*store)->append(block_of((*store)->schema(), 0, 100)).ok());
    before = *read_file(head, 1 << 20);
    REQUIRE((*store)->append(block_of((*store)->schema(), 100, 50)).ok());
  }
  // As after a kill between the batch and its receipt.
  REQUIRE(write_file_durably(head, before).ok());
  const auto files_before = files_of(path);
  CHECK(open_ok(path, OpenMode::kReadOnly)->size() == 100);
  CHECK(*read_file(head, 1 << 20) == before);
  CHECK(files_of(path) == files_before);
  {
    const auto store = open_ok(path, OpenMode::kReadWrite);
    CHECK(store->size() == 150);
    CHECK(difference(*store, 0, 150) == "");
  }
  CHECK(*read_file(head, 1 << 20) != before);
  CHECK(open_ok(path, OpenMode::kReadOnly)->size() == 150);
}
