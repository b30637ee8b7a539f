// Which history of an archive an index file belongs to: copies of a real archive that went
// different ways.
#include <doctest/doctest.h>

#include <filesystem>

#include "retrieval/search/analog_index.h"
#include "tests/support/analog_archive.h"
#include "tests/support/series.h"
#include "tests/support/skip.h"

namespace skipcast::retrieval {
namespace {

using tests::kSpec;
using tests::says;
namespace fs = std::filesystem;

// An archive on disk, its index beside it.
struct OnDisk {
  std::string folder;
  std::unique_ptr<storage::SeriesStore> store;
  std::unique_ptr<const Normalizer> normalizer;
  std::shared_ptr<const Encoder> encoder;

  explicit OnDisk(const std::string& path) : folder(path) {
    store = storage::SeriesStore::open(folder, storage::OpenMode::kReadWrite).value();
    normalizer =
        std::make_unique<Normalizer>(Normalizer::fit(*store, {{0}, Base::kMean, 100}).value());
    encoder = make_context_encoder(*store, *normalizer, {kSpec, {0}}).value();
  }

  std::string file() const { return folder + "/index/context.skx"; }
  std::unique_ptr<AnalogIndex> index(bool saved = true) const {
    fs::create_directories(folder + "/index");
    AnalogIndexOptions options{kSpec};
    if (saved) options.path = file();
    return AnalogIndex::open(*store, encoder, options).value();
  }
  // Appends `states` states, raised by `shift`.
  void grow(int64_t states, float shift = 0) {
    storage::StateBlock block = tests::block_of(store->schema(), store->size(), states);
    for (float& value : block.values) value += shift;
    REQUIRE(store->append(block).ok());
  }
  void check_answers(const AnalogIndex& index) const {
    const auto fresh = this->index(false);
    for (int64_t origin = 60; origin < store->size(); origin += 17) {
      const auto found = index.search(origin, {kSpec}, {8, 3});
      const auto expected = fresh->search(origin, {kSpec}, {8, 3});
      REQUIRE(found.status().code() == expected.status().code());  // an erased query has no key
      if (expected.ok()) REQUIRE(found->analogs == expected->analogs);
    }
  }
};

void make_archive(const std::string& path, int64_t states) {
  const storage::Schema schema = tests::small_schema(1, 3);
  const auto store = storage::SeriesStore::create(path, schema).value();
  REQUIRE(store->append(tests::block_of(schema, 0, states)).ok());
}

}  // namespace

TEST_CASE("Index file: of a copy of the archive that went another way is not used") {
  const tests::TempDir root;
  make_archive(root.file("a"), 200);
  fs::copy(root.file("a"), root.file("b"), fs::copy_options::recursive);
  for (const char* name : {"a", "b"}) {  // the same size in the end, the same store id
    OnDisk archive(root.file(name));
    archive.grow(50, name[0] == 'a' ? 0.0f : 3.0f);
    archive.index();
  }
  fs::rename(root.file("a/index"), root.file("kept"));
  fs::rename(root.file("b/index"), root.file("a/index"));
  fs::rename(root.file("kept"), root.file("b/index"));
  for (const char* name : {"a", "b"}) {
    const OnDisk archive(root.file(name));
    const auto index = archive.index();
    CHECK(says(*index, "another history of this archive (an older or newer copy)"));
    CHECK(says(*index, "built from the archive"));
    archive.check_answers(*index);
    CHECK(says(*archive.index(), "241 windows loaded"));
  }
}

TEST_CASE("Index file: newer than an older copy of the archive is not used, grown since or not") {
  const tests::TempDir root;
  make_archive(root.file("old"), 200);
  fs::copy(root.file("old"), root.file("grown"), fs::copy_options::recursive);
  fs::copy(root.file("old"), root.file("new"), fs::copy_options::recursive);
  {
    OnDisk archive(root.file("new"));
    archive.grow(50);
    archive.index();
  }
  for (const char* name : {"old", "grown"}) {
    OnDisk archive(root.file(name));
    if (std::string(name) == "grown") {
      archive.grow(30, 3.0f);
      archive.grow(90, 3.0f);
    }
    fs::copy(root.file("new/index"), archive.folder + "/index");
    const auto index = archive.index();
    CHECK(says(*index, "another history of this archive"));
    archive.check_answers(*index);
  }
}

TEST_CASE("Index file: the previous one, from before the copies parted, is used and follows on") {
  const tests::TempDir root;
  make_archive(root.file("a"), 200);
  OnDisk(root.file("a")).index();
  fs::copy(root.file("a"), root.file("b"), fs::copy_options::recursive);
  for (const char* name : {"a", "b"}) {
    OnDisk archive(root.file(name));
    archive.grow(50, name[0] == 'a' ? 0.0f : 3.0f);
    archive.index();
  }
  fs::remove_all(root.file("a/index"));
  fs::rename(root.file("b/index"), root.file("a/index"));
  const OnDisk archive(root.file("a"));
  const auto index = archive.index();
  CHECK(says(*index, "another history of this archive"));
  CHECK(says(*index, "191 windows loaded"));
  archive.check_answers(*index);
}

TEST_CASE("Index file: beside an archive that only grew it is used, after restarts as before") {
  const tests::TempDir root;
  make_archive(root.file("a"), 200);
  for (int restart = 0; restart < 3; ++restart) {
    OnDisk archive(root.file("a"));
    const auto index = archive.index();
    if (restart > 0) CHECK(says(*index, "windows loaded"));
    CHECK_FALSE(says(*index, "not used"));
    archive.grow(20);
    archive.check_answers(*index);  // from the tail
    if (restart == 1) REQUIRE(index->follow().ok());
    int64_t files = 0;
    for (const auto& entry : fs::directory_iterator(archive.folder + "/index")) {
      ++files;
      CHECK(entry.path().extension() != ".tmp");
    }
    CHECK(files <= 2);
  }
}

TEST_CASE("Index file: one of version 1 is built anew with a note") {
  const tests::TempDir root;
  make_archive(root.file("a"), 200);
  const OnDisk archive(root.file("a"));
  archive.index();
  std::string bytes = tests::read_bytes(archive.file());
  bytes[8] = 1;
  tests::write_bytes(archive.file(), bytes);
  const auto index = archive.index();
  CHECK(says(*index, "it has version 1, this program reads 2"));
  archive.check_answers(*index);
}

TEST_CASE("Index file: an erasure that it has not seen is noticed on opening") {
  const tests::TempDir root;
  make_archive(root.file("a"), 200);
  {
    const OnDisk archive(root.file("a"));
    archive.index();
    REQUIRE(archive.store->erase({0, 120, 15, {}}).ok());
  }
  const OnDisk archive(root.file("a"));
  const auto index = archive.index();
  CHECK(says(*index, "states were erased since it was written"));
  archive.check_answers(*index);
  CHECK(says(*archive.index(), "windows loaded"));
}

}  // namespace skipcast::retrieval
