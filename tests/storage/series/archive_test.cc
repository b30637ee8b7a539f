// What a person is told when a folder is not the archive they meant; HEAD and durable files.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "storage/blocks/head_receipt.h"
#include "storage/files/file_io.h"
#include "storage/series/archive_config.h"
#include "storage/series/series_store.h"
#include "tests/support/series.h"
#include "tests/support/skip.h"

using namespace skipcast;
using namespace skipcast::storage;
using namespace skipcast::tests;

namespace {

Status open_status(const std::string& path) {
  return SeriesStore::open(path, OpenMode::kReadOnly).status();
}

bool mentions(const Status& status, const std::string& text) {
  return status.message().find(text) != std::string::npos;
}

std::string config_of(const std::string& archive) {
  return *read_file(archive + "/CONFIG.json", 1 << 20);
}

void set_config(const std::string& archive, const std::string& text) {
  REQUIRE(write_file_durably(archive + "/CONFIG.json", text).ok());
}

}  // namespace

TEST_CASE("CONFIG.json: a copy that cannot be written fails the write, and the original stays") {
  const TempDir folder;
  const std::string archive = folder.file("a");
  REQUIRE(SeriesStore::create(archive, small_schema(1, 2)).ok());
  const std::string before = config_of(archive);
  std::filesystem::remove(archive + "/CONFIG.copy.json");
  std::filesystem::create_directories(archive + "/CONFIG.copy.json/in the way");
  ArchiveConfig config = *read_config(archive);
  config.store_id = std::string(32, 'f');
  const Status status = write_config(archive, config);
  CHECK_FALSE(status.ok());
  CHECK(mentions(status, "CONFIG.copy.json"));
  CHECK(config_of(archive) == before);
}

TEST_CASE("CONFIG.json: a format version that is missing or no number is said to be") {
  const TempDir folder;
  const std::string archive = folder.file("a");
  REQUIRE(SeriesStore::create(archive, small_schema(1, 2)).ok());
  nlohmann::json config = nlohmann::json::parse(config_of(archive));
  for (const nlohmann::json& version :
       {nlohmann::json("1"), nlohmann::json(-1), nlohmann::json(1.5), nlohmann::json()}) {
    config["format_version"] = version;
    if (version.is_null()) config.erase("format_version");
    set_config(archive, config.dump());
    CHECK(mentions(read_config(archive).status(), "no format_version"));
  }
}

TEST_CASE("SeriesStore: a missing folder, a file and a folder that is no archive are told apart") {
  const TempDir folder;
  const Status missing = open_status(folder.file("nowhere"));
  CHECK(missing.code() == Code::kNotFound);
  CHECK(mentions(missing, "there is no archive '" + folder.file("nowhere")));
  CHECK(mentions(missing, "skipcast ingest"));

  REQUIRE(write_file_durably(folder.file("file"), "x").ok());
  CHECK(mentions(open_status(folder.file("file")), "is not a folder"));

  const Status other = open_status(folder.path());
  CHECK(other.code() == Code::kNotFound);
  CHECK(mentions(other, "is not a skipcast archive"));
}

TEST_CASE("SeriesStore: a newer format version asks for a newer program") {
  const TempDir folder;
  const std::string path = folder.file("a");
  REQUIRE(SeriesStore::create(path, small_schema(1, 1)).ok());
  auto config = nlohmann::json::parse(config_of(path));
  config["format_version"] = kFormatVersion + 1;
  config["something_new"] = true;
  set_config(path, config.dump());
  const Status status = open_status(path);
  CHECK(status.code() == Code::kUnsupported);
  CHECK(mentions(status, "format version 3"));
  CHECK(mentions(status, "newer skipcast"));
}

TEST_CASE("SeriesStore: a truncated, changed or empty CONFIG.json names file and remedy") {
  const TempDir folder;
  const std::string path = folder.file("a");
  REQUIRE(SeriesStore::create(path, small_schema(1, 1)).ok());
  const std::string good = config_of(path);
  auto changed = nlohmann::json::parse(good);
  changed["schema"]["title"] = "another city";
  for (const std::string& bad : {good.substr(0, good.size() / 2), std::string(), changed.dump(),
                                 std::string("{}"), std::string("[1, 2]"), std::string("\0", 1)}) {
    set_config(path, bad);
    const Status status = open_status(path);
    CHECK(status.code() == Code::kDataLoss);
    CHECK(mentions(status, path + "/CONFIG.json"));
    CHECK(mentions(status, "restore"));
  }
  set_config(path, nlohmann::json::parse(good).dump(4));  // white space may change
  CHECK(open_status(path).ok());
}

TEST_CASE("SeriesStore: a missing or damaged HEAD and a missing database are data loss") {
  const TempDir folder;
  const std::string path = folder.file("a");
  REQUIRE(SeriesStore::create(path, small_schema(1, 1)).ok());
  std::filesystem::rename(path + "/HEAD", folder.file("HEAD"));
  CHECK(open_status(path).code() == Code::kDataLoss);
  CHECK(mentions(open_status(path), path + "/HEAD' is missing"));
  REQUIRE(write_file_durably(path + "/HEAD", std::string(9000, 'x')).ok());
  CHECK(mentions(open_status(path), "too long"));
  std::filesystem::rename(folder.file("HEAD"), path + "/HEAD");
  CHECK(open_status(path).ok());
  std::filesystem::remove_all(path + "/db");
  CHECK(open_status(path).code() == Code::kDataLoss);
  CHECK(mentions(open_status(path), "archive '" + path));
}

TEST_CASE("CONFIG.json: brackets nested too deep to recurse into are damage, not a crash") {
  const TempDir folder;
  const std::string path = folder.file("a");
  REQUIRE(SeriesStore::create(path, small_schema(1, 1)).ok());
  const std::string deep = std::string(1 << 20, '[') + std::string(1 << 20, ']');
  set_config(path, R"({"format": "skipcast archive", "format_version": 1, "x": )" + deep + "}");
  CHECK(open_status(path).code() == Code::kDataLoss);
  CHECK(mentions(open_status(path), "nested too deeply"));
}

TEST_CASE("HEAD: the newest valid slot counts, and slots alternate") {
  const TempDir folder;
  const std::string id(32, 'a');
  REQUIRE(create_head(folder.path(), id, 77).ok());
  CHECK(*read_head(folder.path(), id) == Receipt{0, 0, 77});
  {
    auto head = HeadFile::open(folder.path(), id);
    REQUIRE(head.ok());
    for (int64_t block = 1; block <= 5; ++block) {
      const Receipt receipt{block, 10 * block, static_cast<uint32_t>(block)};
      REQUIRE(head->write(receipt).ok());
      CHECK(*read_head(folder.path(), id) == receipt);
    }
  }
  CHECK(read_head(folder.path(), std::string(32, 'b')).status().code() == Code::kDataLoss);
  const std::string bytes = *read_file(folder.file("HEAD"), 1 << 20);
  for (size_t at = 0; at < 48; ++at) {  // slot 1 holds block 5: fall back to 4
    std::string damaged = bytes;
    damaged[4096 + at] ^= 0x20;
    REQUIRE(write_file_durably(folder.file("HEAD"), damaged).ok());
    CHECK(read_head(folder.path(), id)->block == 4);
    damaged[at] ^= 0x20;
    REQUIRE(write_file_durably(folder.file("HEAD"), damaged).ok());
    CHECK(read_head(folder.path(), id).status().code() == Code::kDataLoss);
  }
}

TEST_CASE("write_file_durably: replaces whole files and leaves nothing else behind") {
  const TempDir folder;
  const std::string path = folder.file("x");
  REQUIRE(write_file_durably(path, std::string(100'000, 'a')).ok());
  REQUIRE(write_file_durably(path, "short").ok());
  CHECK(*read_file(path, 5) == "short");
  CHECK(read_file(path, 4).status().code() == Code::kDataLoss);
  CHECK(read_file(folder.file("y"), 10).status().code() == Code::kNotFound);
  CHECK(read_file(folder.path(), 1 << 20).status().code() == Code::kIo);
  CHECK(write_file_durably(folder.file("no/x"), "a").code() == Code::kNotFound);
  CHECK(!write_file_durably(folder.path(), "a").ok());
  const auto entries = std::filesystem::directory_iterator(folder.path());
  CHECK(std::distance(begin(entries), end(entries)) == 1);
}
