// labels: enospc
// The same on a file system that is really full: a small tmpfs, where mounting is allowed.
#include <doctest/doctest.h>
#include <sched.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>

#include "storage/series/series_store.h"
#include "tests/support/child.h"
#include "tests/support/series.h"
#include "tests/support/skip.h"

using namespace skipcast;
using namespace skipcast::storage;
using namespace skipcast::tests;

namespace {

constexpr int64_t kCannotMount = -1;

// A private 14 MiB file system at the folder, gone when the process ends.
bool mount_small(const std::string& folder) {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=14m") == 0;
}

// Appends until it fails; the failure.
Status fill(SeriesStore& store) {
  Status status;
  while (status.ok()) status = store.append(block_of(store.schema(), store.size(), 500)).status();
  return status;
}

}  // namespace

TEST_CASE("DiskFullMountChild: fills a small file system and goes on" * doctest::skip()) {
  const std::string folder = child_argument();
  if (!mount_small(folder)) return tell_parent(kCannotMount);
  const std::string path = folder + "/a", ballast = folder + "/ballast";
  std::ofstream(ballast) << std::string(8 << 20, 'x');
  int64_t acknowledged = 0;
  {
    const auto store = SeriesStore::create(path, small_schema(3, 20, Codec::kZstd));
    REQUIRE_MESSAGE(store.ok(), store.status().message());
    const Status full = fill(**store);
    CHECK_MESSAGE(full.code() == Code::kNoSpace, full.message());
    acknowledged = (*store)->size();
    CHECK(acknowledged > 0);
    CHECK(difference(**store, 0, acknowledged) == "");
  }
  const auto reader = SeriesStore::open(path, OpenMode::kReadOnly);
  REQUIRE_MESSAGE(reader.ok(), reader.status().message());
  CHECK((*reader)->size() == acknowledged);
  CHECK(difference(**reader, 0, acknowledged) == "");
  std::ofstream(folder + "/rest") << std::string(14 << 20, 'x');  // takes what is left
  CHECK(SeriesStore::create(folder + "/b", small_schema(1, 1)).status().code() == Code::kNoSpace);
  CHECK(!std::filesystem::exists(folder + "/b"));
  std::filesystem::remove(folder + "/rest");
  std::filesystem::remove(ballast);
  const auto store = SeriesStore::open(path, OpenMode::kReadWrite);
  REQUIRE_MESSAGE(store.ok(), store.status().message());
  CHECK((*store)->append(block_of((*store)->schema(), acknowledged, 50)).ok());
  CHECK(difference(**store, 0, acknowledged + 50) == "");
  tell_parent(acknowledged);
}

TEST_CASE("SeriesStore: a full file system is no_space, and freed space is used again") {
  const TempDir folder;
  Child child("DiskFullMountChild: fills a small file system and goes on", folder.path());
  const auto told = child.next();
  if (told == kCannotMount) return skip("this user may not mount a tmpfs");
  CHECK(child.wait() == 0);
  CHECK(told.value_or(0) > 0);
}
