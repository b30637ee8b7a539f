// labels: enospc
// A full disk: the append says so, what was acknowledged stays readable, and reopening goes on.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>

#include "storage/series/series_store.h"
#include "tests/support/child.h"
#include "tests/support/series.h"
#include "tests/support/skip.h"

using namespace skipcast;
using namespace skipcast::storage;
using namespace skipcast::tests;

// A limit on the size of every file stands for the full disk; it needs no rights.
TEST_CASE("DiskFullChild: appends until no file may grow" * doctest::skip()) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1 << 20, 1 << 20};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  const auto store = SeriesStore::open(child_argument(), OpenMode::kReadWrite);
  REQUIRE(store.ok());
  const Schema& schema = (*store)->schema();
  Status status;
  while (status.ok()) {
    status = (*store)->append(block_of(schema, (*store)->size(), 1000)).status();
    if (status.ok()) tell_parent((*store)->size());
  }
  CHECK_MESSAGE(status.code() == Code::kNoSpace, status.message());
  CHECK(status.message().find("free some space") != std::string::npos);
  CHECK(difference(**store, 0, (*store)->size()) == "");
  // Opened anew, RocksDB begins a new log, which may grow: without reopening ours, it goes on.
  const int64_t full = (*store)->size();
  const auto after = (*store)->append(block_of(schema, full, 1));
  CHECK_MESSAGE(after.ok(), after.status().message());
  CHECK((*store)->size() > full);
  CHECK(difference(**store, 0, (*store)->size()) == "");
}

TEST_CASE("SeriesStore: when the disk is full it says so, still reads, and goes on later") {
  const TempDir folder;
  REQUIRE(SeriesStore::create(folder.file("a"), small_schema(3, 10)).ok());
  Child child("DiskFullChild: appends until no file may grow", folder.file("a"));
  int64_t acknowledged = 0;
  while (const auto size = child.next()) acknowledged = *size;
  CHECK(child.wait() == 0);
  CHECK(acknowledged > 0);
  const auto store = SeriesStore::open(folder.file("a"), OpenMode::kReadWrite);
  REQUIRE_MESSAGE(store.ok(), store.status().message());
  CHECK((*store)->size() >= acknowledged);
  CHECK(difference(**store, 0, (*store)->size()) == "");
  REQUIRE((*store)->append(block_of((*store)->schema(), acknowledged, 2000)).ok());
  CHECK(difference(**store, 0, acknowledged + 2000) == "");
}
