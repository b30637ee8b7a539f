#include "storage/series/series_store.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <random>

#include "tests/support/series.h"
#include "tests/support/skip.h"

using namespace skipcast;
using namespace skipcast::storage;
using namespace skipcast::tests;

namespace {

std::unique_ptr<SeriesStore> make(const std::string& path, const Schema& schema) {
  auto store = SeriesStore::create(path, schema);
  REQUIRE_MESSAGE(store.ok(), store.status().message());
  return std::move(store).value();
}

std::unique_ptr<SeriesStore> reopen(const std::string& path, OpenMode mode = OpenMode::kReadWrite) {
  auto store = SeriesStore::open(path, mode);
  REQUIRE_MESSAGE(store.ok(), store.status().message());
  return std::move(store).value();
}

void append_ok(SeriesStore& store, int64_t first, int64_t states) {
  const auto receipt = store.append(block_of(store.schema(), first, states));
  REQUIRE_MESSAGE(receipt.ok(), receipt.status().message());
}

}  // namespace

TEST_CASE("SeriesStore: what was appended reads back, both codecs, before and after reopening") {
  for (const Codec codec : {Codec::kFloat32, Codec::kZstd}) {
    const TempDir folder;
    const Schema schema = small_schema(3, 5, codec);
    {
      const auto store = make(folder.file("a"), schema);
      append_ok(*store, 0, 200);
      append_ok(*store, 200, 57);
      CHECK(store->size() == 257);
      CHECK(difference(*store, 0, 257) == "");
    }
    for (const OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite}) {
      const auto store = reopen(folder.file("a"), mode);
      CHECK(store->size() == 257);
      CHECK(difference(*store, 0, 257) == "");
      CHECK(store->schema().variables == schema.variables);
      CHECK(store->schema().axis == schema.axis);
      CHECK(store->schema().places == schema.places);
      CHECK(store->store_id().size() == 32);
    }
  }
}

TEST_CASE("SeriesStore: every bit of a value survives, also NaN payloads and denormals") {
  const TempDir folder;
  for (const Codec codec : {Codec::kFloat32, Codec::kZstd}) {
    const auto store =
        make(folder.file(codec == Codec::kZstd ? "z" : "f"), small_schema(1, 4, codec));
    StateBlock block{.first = 0, .states = 2};
    for (const uint32_t bits :
         {0u, 0x80000000u, 1u, 0x7fc12345u, 0xff800000u, 0x7f7fffffu, 0x3f800001u, 0xffffffffu}) {
      block.values.push_back(std::bit_cast<float>(bits));
    }
    REQUIRE(store->append(block).ok());
    std::vector<float> got(8);
    REQUIRE(store->read(0, 2, std::vector<int32_t>{0}, got).ok());
    for (size_t i = 0; i < 8; ++i) {
      CHECK(std::bit_cast<uint32_t>(got[i]) == std::bit_cast<uint32_t>(block.values[i]));
    }
  }
}

TEST_CASE("SeriesStore: appends of random lengths read back through every cut") {
  const TempDir folder;
  std::mt19937 random(7);
  auto store = make(folder.file("a"), small_schema(2, 3));
  int64_t size = 0;
  for (int i = 0; i < 120; ++i) {
    const int64_t states = i % 3 == 0 ? 1 : 1 + random() % 150;
    append_ok(*store, size, states);
    size += states;
  }
  for (int turn = 0; turn < 2; ++turn) {
    CHECK(difference(*store, 0, size) == "");
    for (int i = 0; i < 300; ++i) {
      const int64_t first = random() % size;
      CHECK(difference(*store, first, 1 + random() % std::min<int64_t>(200, size - first)) == "");
    }
    store.reset();
    store = reopen(folder.file("a"));
  }
}

TEST_CASE("SeriesStore: a read picks variables in the order asked, also twice the same") {
  const TempDir folder;
  const auto store = make(folder.file("a"), small_schema(4, 2));
  append_ok(*store, 0, 100);
  const std::vector<int32_t> asked{3, 0, 3};
  std::vector<float> got(70 * 3 * 2);
  REQUIRE(store->read(20, 70, asked, got).ok());
  for (int64_t i = 0; i < 70 * 3 * 2; ++i) {
    CHECK(same(got[i], value_at(20 + i / 6, asked[i / 2 % 3], i % 2)));
  }
}

TEST_CASE("SeriesStore: reading outside the archive is not_found and reading nothing is fine") {
  const TempDir folder;
  const auto store = make(folder.file("a"), small_schema(1, 1));
  std::vector<float> got(1);
  const std::vector<int32_t> one{0}, wrong{1};
  CHECK(store->read(0, 1, one, got).code() == Code::kNotFound);
  append_ok(*store, 0, 10);
  CHECK(store->read(10, 1, one, got).code() == Code::kNotFound);
  CHECK(store->read(-1, 1, one, got).code() == Code::kNotFound);
  CHECK(store->read(9, 1, wrong, got).code() == Code::kNotFound);
  CHECK(store->read(std::numeric_limits<int64_t>::max(), 1, one, got).code() == Code::kNotFound);
  CHECK(store->read(10, 0, one, {}).ok());
}

TEST_CASE("SeriesStore: an identical overlap is skipped, a different one refused by name") {
  const TempDir folder;
  const auto store = make(folder.file("a"), small_schema(2, 3));
  append_ok(*store, 0, 100);
  const auto all_old = store->append(block_of(store->schema(), 30, 70));
  REQUIRE(all_old.ok());
  CHECK(all_old->block == 0);
  CHECK(all_old->states_skipped == 70);
  const auto half = store->append(block_of(store->schema(), 90, 30));
  REQUIRE(half.ok());
  CHECK(half->states_added == 20);
  CHECK(half->states_skipped == 10);
  CHECK(difference(*store, 0, 120) == "");

  StateBlock other = block_of(store->schema(), 110, 20);
  other.values[(5 * 2 + 1) * 3 + 2] = 1234.5f;  // state 115 = 2020-01-05T19, variable 1, place 2
  const auto refused = store->append(other);
  REQUIRE(!refused.ok());
  CHECK(refused.status().code() == Code::kRefused);
  for (const char* word : {"v1", "p2", "2020-01-05T19:00:00Z", "1234.5"}) {
    CHECK(refused.status().message().find(word) != std::string::npos);
  }
  CHECK(store->size() == 120);
}

TEST_CASE("SeriesStore: a gap, a wrong number of values and an empty append are refused") {
  const TempDir folder;
  const auto store = make(folder.file("a"), small_schema(2, 3));
  append_ok(*store, 0, 10);
  const auto gap = store->append(block_of(store->schema(), 12, 5));
  CHECK(gap.status().code() == Code::kRefused);
  CHECK(gap.status().message().find("2 states") != std::string::npos);
  StateBlock block = block_of(store->schema(), 10, 5);
  block.values.pop_back();
  CHECK(store->append(block).status().code() == Code::kBadInput);
  CHECK(store->append(StateBlock{.first = 10}).status().code() == Code::kBadInput);
  CHECK(store->append(StateBlock{.first = -1, .states = 1}).status().code() == Code::kBadInput);
  CHECK(store->size() == 10);
}

TEST_CASE("SeriesStore: blocks are numbered from 1 and cover the series") {
  const TempDir folder;
  const auto store = make(folder.file("a"), small_schema(1, 2));
  append_ok(*store, 0, 10);
  append_ok(*store, 10, 100);
  const auto blocks = store->blocks();
  REQUIRE(blocks.size() == 2);
  CHECK(blocks[1].block == 2);
  CHECK(blocks[1].first == 10);
  CHECK(blocks[1].states == 100);
}

TEST_CASE("SeriesStore: tasks are replaced, kept on reopening and checked") {
  const TempDir folder;
  {
    const auto store = make(folder.file("a"), small_schema(1, 2));
    const Schema& before = store->schema();
    REQUIRE(store->set_tasks(R"([{"name": "day"}])").ok());
    CHECK(before.tasks_json == "[]");  // a reference taken before stays alive
    CHECK(store->set_tasks("{}").code() == Code::kBadInput);
    CHECK(store->set_tasks("[").code() == Code::kBadInput);
  }
  const auto store = reopen(folder.file("a"), OpenMode::kReadOnly);
  CHECK(store->schema().tasks_json == R"([{"name":"day"}])");
  CHECK(store->set_tasks("[]").code() == Code::kRefused);
}

TEST_CASE("SeriesStore: creating over a full folder is refused, over an empty one fine") {
  const TempDir folder;
  CHECK(SeriesStore::create(folder.path() + "/", small_schema(1, 1)).ok());
  const auto again = SeriesStore::create(folder.path(), small_schema(1, 1));
  CHECK(again.status().code() == Code::kRefused);
  CHECK(SeriesStore::create(folder.file("no/such/parent"), small_schema(1, 1)).status().code() ==
        Code::kNotFound);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    CHECK(entry.path().string().find("making") == std::string::npos);
  }
}

TEST_CASE("SeriesStore: an append to a read-only archive is refused") {
  const TempDir folder;
  make(folder.file("a"), small_schema(1, 1));
  const auto store = reopen(folder.file("a"), OpenMode::kReadOnly);
  CHECK(store->append(block_of(store->schema(), 0, 1)).status().code() == Code::kRefused);
}

TEST_CASE("SeriesStore: a large grid is cut into small rows and reads back") {
  const TempDir folder;
  Schema schema = small_schema(1, 0);
  schema.places.kind = PlacesKind::kGrid;
  for (int i = 0; i < 100; ++i) schema.places.lat.push_back(i * 0.5);
  for (int i = 0; i < 300; ++i) schema.places.lon.push_back(i);
  const auto store = make(folder.file("a"), schema);
  append_ok(*store, 0, 11);
  append_ok(*store, 11, 2);
  CHECK(difference(*store, 0, 13) == "");
  CHECK(difference(*store, 10, 3) == "");
}
