// Backup, restore and compaction: the same states, verified, and never half of them.
#include "storage/upkeep/archive_copy.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

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

namespace fs = std::filesystem;

std::vector<float> all_states(const SeriesStore& store) {
  std::vector<float> values(static_cast<size_t>(store.size() * store.schema().state_values()));
  const Status read = store.read(0, store.size(), all_variables(store.schema()), values);
  REQUIRE_MESSAGE(read.ok(), read.message());
  return values;
}

bool same_states(const SeriesStore& a, const SeriesStore& b) {
  const std::vector<float> left = all_states(a), right = all_states(b);
  return left.size() == right.size() && std::equal(left.begin(), left.end(), right.begin(), same);
}

// An archive of 400 states in many blocks, some erased, with files of other layers beside them.
void make_archive(const std::string& path) {
  const auto store = SeriesStore::create(path, small_schema(2, 5));
  REQUIRE(store.ok());
  while ((*store)->size() < 400) {
    REQUIRE((*store)->append(block_of((*store)->schema(), (*store)->size(), 20)).ok());
  }
  REQUIRE((*store)->erase({.first = 100, .states = 50, .places = {1, 4}}).ok());
  REQUIRE((*store)->erase({.first = 390, .states = 10}).ok());
  fs::create_directories(path + "/models/deep");
  REQUIRE(write_file_durably(path + "/models/deep/a.json", "{}").ok());
  REQUIRE(write_file_durably(path + "/note.txt", "mine").ok());
  std::ofstream(path + "/models/left.tmp") << "half";
}

bool mentions_bytes(const std::string& folder, const std::string& bytes) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string text = *read_file(entry.path(), 1 << 28);
    if (text.find(bytes) != std::string::npos) return true;
  }
  return false;
}

int64_t entries_in(const std::string& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

}  // namespace

TEST_CASE("copy_archive: a copy is the same archive, and goes on from there") {
  const TempDir folder;
  const std::string from = folder.file("a"), to = folder.file("b");
  make_archive(from);
  int64_t told = 0;
  const auto report = copy_archive(from, to + "/", [&](const ProgressStep& step) {
    told += step.what == "copy";
    return true;
  });
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  CHECK(report->states == 400);
  CHECK(report->blocks == 22);
  CHECK(told == 22);
  const auto original = open_ok(from, OpenMode::kReadOnly);
  const auto copy = open_ok(to, OpenMode::kReadWrite);
  CHECK(same_states(*original, *copy));
  CHECK(copy->store_id() == original->store_id());
  CHECK(copy->last() == original->last());
  CHECK(copy->erasures() == original->erasures());
  CHECK(*read_file(to + "/models/deep/a.json", 10) == "{}");
  CHECK(*read_file(to + "/note.txt", 10) == "mine");
  CHECK(!fs::exists(to + "/models/left.tmp"));
  CHECK(copy->append(block_of(copy->schema(), 400, 30)).ok());
  CHECK(entries_in(folder.path()) == 2);  // nothing half-made is left
}

TEST_CASE("copy_archive: beside a writer the copy is what was acknowledged when it began") {
  const TempDir folder;
  const std::string from = folder.file("a");
  const auto writer = SeriesStore::create(from, small_schema(2, 5));
  REQUIRE(writer.ok());
  std::atomic<bool> done = false;
  std::thread writing([&] {
    while (!done) {
      if (!(*writer)->append(block_of((*writer)->schema(), (*writer)->size(), 200)).ok()) break;
    }
  });
  for (int i = 0; i < 5; ++i) {
    const std::string to = folder.file("copy" + std::to_string(i));
    const int64_t before = (*writer)->size();
    const auto report = copy_archive(from, to, {});
    CHECK_MESSAGE(report.ok(), report.status().message());
    if (!report.ok()) break;
    CHECK(report->states >= before);
    const auto copy = open_ok(to, OpenMode::kReadOnly);
    CHECK(difference(*copy, 0, copy->size()) == "");
  }
  done = true;
  writing.join();
}

TEST_CASE("copy_archive: refuses a folder in use, a damaged source, and stops when told") {
  const TempDir folder;
  const std::string from = folder.file("a"), to = folder.file("b");
  make_archive(from);
  fs::create_directories(to);
  std::ofstream(to + "/mine") << "x";
  CHECK(copy_archive(from, to, {}).status().code() == Code::kRefused);
  CHECK(copy_archive(folder.file("none"), folder.file("c"), {}).status().code() == Code::kNotFound);
  CHECK(copy_archive(from, folder.file("c"), [](const ProgressStep&) { return false; })
            .status()
            .code() == Code::kInterrupted);
  for (const auto& entry : fs::directory_iterator(from + "/db")) {
    if (entry.path().extension() != ".log" || entry.file_size() < 100) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<int64_t>(entry.file_size()) / 2);
    file.put('\x55').put('\x55');
  }
  CHECK(copy_archive(from, folder.file("c"), {}).status().code() == Code::kDataLoss);
  CHECK(!fs::exists(folder.file("c")));
  CHECK(entries_in(folder.path()) == 2);
}

TEST_CASE("compact_archive: the same states in few blocks, what was erased is gone from the disk") {
  const TempDir folder;
  const std::string path = folder.file("a");
  {
    const auto store = SeriesStore::create(path, small_schema(1, 4));
    REQUIRE(store.ok());
    StateBlock block = block_of((*store)->schema(), 0, 300);
    std::memcpy(&block.values[400], "ERASEME!ERASEME!", 16);
    REQUIRE((*store)->append(block).ok());
    while ((*store)->size() < 400) {
      REQUIRE((*store)->append(block_of((*store)->schema(), (*store)->size(), 5)).ok());
    }
    REQUIRE((*store)->erase({.first = 100, .states = 1}).ok());
  }
  fs::create_directories(path + "/models");
  REQUIRE(write_file_durably(path + "/models/a.json", "{}").ok());
  REQUIRE(mentions_bytes(path, "ERASEME!"));
  const std::vector<float> before = all_states(*open_ok(path, OpenMode::kReadOnly));
  const std::string id = open_ok(path, OpenMode::kReadOnly)->store_id();
  const auto report = compact_archive(path, {});
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  CHECK(report->blocks == 1);
  CHECK(report->bytes < report->bytes_before);
  CHECK(!mentions_bytes(path, "ERASEME!"));
  CHECK(entries_in(folder.path()) == 1);
  CHECK(read_config(path)->format_version == 1);
  const auto store = open_ok(path, OpenMode::kReadWrite);
  const std::vector<float> after = all_states(*store);
  REQUIRE(after.size() == before.size());
  CHECK(std::equal(before.begin(), before.end(), after.begin(), same));
  CHECK(std::isnan(after[400]));
  CHECK(store->store_id() == id);
  CHECK(store->erasures().empty());
  CHECK(*read_file(path + "/models/a.json", 10) == "{}");
  CHECK(store->append(block_of(store->schema(), 400, 100)).ok());
}

TEST_CASE("compact_archive: not while another writes, and a stop changes nothing") {
  const TempDir folder;
  const std::string path = folder.file("a");
  make_archive(path);
  {
    const auto writer = open_ok(path, OpenMode::kReadWrite);
    CHECK(compact_archive(path, {}).status().code() == Code::kLocked);
  }
  const Receipt last = open_ok(path, OpenMode::kReadOnly)->last();
  CHECK(compact_archive(path, [](const ProgressStep&) { return false; }).status().code() ==
        Code::kInterrupted);
  CHECK(open_ok(path, OpenMode::kReadOnly)->last() == last);
  CHECK(entries_in(folder.path()) == 1);
}

TEST_CASE("compact_archive: an archive without states") {
  const TempDir folder;
  const std::string path = folder.file("a");
  REQUIRE(SeriesStore::create(path, small_schema(1, 1)).ok());
  const auto report = compact_archive(path, {});
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  CHECK(report->states == 0);
  CHECK(open_ok(path, OpenMode::kReadWrite)->size() == 0);
}
