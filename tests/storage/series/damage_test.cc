// labels: damage
// Bytes of every file flipped, cut and deleted: found, or without any effect on any answer.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "storage/files/file_io.h"
#include "storage/series/series_store.h"
#include "storage/upkeep/series_verify.h"
#include "tests/support/series.h"
#include "tests/support/skip.h"

using namespace skipcast;
using namespace skipcast::storage;
using namespace skipcast::tests;

namespace {

namespace fs = std::filesystem;

constexpr int64_t kStates = 900;
constexpr int kSamples = 300;

// An archive with data in SST files (one append, then reopened) and in the log (two more).
void make_archive(const std::string& path) {
  {
    const auto store = SeriesStore::create(path, small_schema(2, 3));
    REQUIRE(store.ok());
    REQUIRE((*store)->append(block_of((*store)->schema(), 0, 600)).ok());
  }
  const auto store = SeriesStore::open(path, OpenMode::kReadWrite);
  REQUIRE(store.ok());
  REQUIRE((*store)->append(block_of((*store)->schema(), 600, 299)).ok());
  REQUIRE((*store)->append(block_of((*store)->schema(), 899, 1)).ok());
}

std::string kind_of(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name == "CONFIG.copy.json") return "COPY";
  for (const char* kind : {"HEAD", "CONFIG", "MANIFEST", "CURRENT", "OPTIONS", "IDENTITY"}) {
    if (name.starts_with(kind)) return kind;
  }
  return name.ends_with(".sst") ? "SST" : name.ends_with(".log") ? "WAL" : "";
}

std::map<std::string, std::vector<fs::path>> files_of(const std::string& archive) {
  std::map<std::string, std::vector<fs::path>> files;
  for (const auto& entry : fs::recursive_directory_iterator(archive)) {
    const std::string kind = kind_of(entry.path());
    if (entry.is_regular_file() && kind != "" && entry.file_size() > 0) {
      files[kind].push_back(fs::relative(entry.path(), archive));
    }
  }
  return files;
}

void flip(const fs::path& path, std::mt19937& random, uint8_t mask) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  // HEAD is mostly unused: aim at its two slots.
  const auto size = static_cast<int64_t>(fs::file_size(path));
  const bool head = path.filename() == "HEAD";
  const int64_t at = head ? random() % 2 * 4096 + random() % 48 : random() % size;
  file.seekg(at);
  const char byte = static_cast<char>(file.get() ^ mask);
  file.seekp(at);
  file.put(byte);
  REQUIRE(file.good());
}

// What became of a damaged archive: "found", "harmless", or what is wrong and was not found.
std::string outcome(const std::string& path) {
  const auto store = SeriesStore::open(path, OpenMode::kReadWrite);
  if (!store.ok()) {
    return store.status().message().find(path) != std::string::npos
               ? "found"
               : "a message without the file: " + store.status().message();
  }
  if ((*store)->size() != kStates) return fmt::format("{} states", (*store)->size());
  const StateBlock expected = block_of((*store)->schema(), 0, kStates);
  std::vector<float> got(expected.values.size());
  const Status read = (*store)->read(0, kStates, all_variables((*store)->schema()), got);
  if (!read.ok()) return "found";
  if (!std::equal(got.begin(), got.end(), expected.values.begin(), same)) return "other values";
  return "harmless";
}

}  // namespace

TEST_CASE("SeriesStore: three hundred damages are found or harmless") {
  const TempDir folder;
  make_archive(folder.file("good"));
  const auto files = files_of(folder.file("good"));
  std::vector<std::string> kinds;
  for (const auto& [kind, paths] : files) kinds.push_back(kind);
  for (const char* kind : {"HEAD", "CONFIG", "MANIFEST", "CURRENT", "SST", "WAL"}) {
    REQUIRE_MESSAGE(files.contains(kind), kind);
  }
  const uint32_t seed = 11;
  std::mt19937 random(seed);
  std::map<std::string, int> found, harmless;
  for (int i = 0; i < kSamples; ++i) {
    const std::string archive = folder.file("damaged");
    fs::remove_all(archive);
    fs::copy(folder.file("good"), archive, fs::copy_options::recursive);
    const std::string kind = kinds[i % kinds.size()];
    const fs::path file = archive / files.at(kind)[random() % files.at(kind).size()];
    const int how = static_cast<int>(random() % 10);
    if (how < 8) {
      flip(file, random, how < 4 ? uint8_t(1u << random() % 8) : uint8_t(0xff));
    } else if (how == 8) {
      fs::resize_file(file, random() % fs::file_size(file));
    } else {
      fs::remove(file);
    }
    const std::string result = outcome(archive);
    const bool good = result == "found" || result == "harmless";
    CHECK_MESSAGE(good, "seed ", seed, " sample ", i, " ", file.string(), " how ", how, ": ",
                  result);
    ++(result == "found" ? found : harmless)[kind];
  }
  for (const std::string& kind : kinds) {
    MESSAGE(kind, ": ", found[kind], " found, ", harmless[kind], " harmless");
  }
  CHECK(found["SST"] > 0);
  CHECK(harmless["CONFIG"] == 0);
}

TEST_CASE("SeriesStore: every byte of HEAD's newest slot and of CONFIG.json matters or is seen") {
  const TempDir folder;
  make_archive(folder.file("good"));
  const std::string head = *read_file(folder.file("good") + "/HEAD", 1 << 20);
  const std::string config = *read_file(folder.file("good") + "/CONFIG.json", 1 << 20);
  for (size_t at = 0; at < config.size(); at += 5) {
    std::string damaged = config;
    damaged[at] ^= 0x04;
    REQUIRE(write_file_durably(folder.file("good") + "/CONFIG.json", damaged).ok());
    const auto store = SeriesStore::open(folder.file("good"), OpenMode::kReadWrite);
    const bool space = config[at] == ' ' || config[at] == '\n';
    CHECK_MESSAGE((!store.ok() || space), at);
  }
  REQUIRE(write_file_durably(folder.file("good") + "/CONFIG.json", config).ok());
  std::string both = head;
  both[20] ^= 1;
  both[4096 + 20] ^= 1;
  REQUIRE(write_file_durably(folder.file("good") + "/HEAD", both).ok());
  const auto store = SeriesStore::open(folder.file("good"), OpenMode::kReadWrite);
  CHECK(store.status().code() == Code::kDataLoss);
}

TEST_CASE("SeriesStore: an older database beside a newer HEAD is data loss, the reverse is not") {
  const TempDir folder;
  const std::string path = folder.file("a"), old = folder.file("old");
  {
    auto store = SeriesStore::create(path, small_schema(2, 3));
    REQUIRE(store.ok());
    REQUIRE((*store)->append(block_of((*store)->schema(), 0, 100)).ok());
    std::move(store).value().reset();
    fs::copy(path, old, fs::copy_options::recursive);
  }
  {
    const auto store = SeriesStore::open(path, OpenMode::kReadWrite);
    REQUIRE(store.ok());
    REQUIRE((*store)->append(block_of((*store)->schema(), 100, 10)).ok());
  }
  fs::rename(path + "/db", path + "/db-new");
  fs::copy(old + "/db", path + "/db", fs::copy_options::recursive);
  for (const OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite}) {
    const auto behind = SeriesStore::open(path, mode);
    CHECK(behind.status().code() == Code::kDataLoss);
    CHECK(behind.status().message().find("2 blocks were acknowledged") != std::string::npos);
  }
  fs::remove_all(path + "/db");
  fs::rename(path + "/db-new", path + "/db");
  fs::copy_file(old + "/HEAD", path + "/HEAD", fs::copy_options::overwrite_existing);
  const auto ahead = SeriesStore::open(path, OpenMode::kReadWrite);
  REQUIRE_MESSAGE(ahead.ok(), ahead.status().message());
  CHECK((*ahead)->size() == 110);
}

TEST_CASE("SeriesStore: parts of another archive are refused") {
  const TempDir folder;
  const std::string a = folder.file("a"), b = folder.file("b");
  for (const std::string& path : {a, b}) {
    const auto store = SeriesStore::create(path, small_schema(2, 3));
    REQUIRE(store.ok());
    REQUIRE((*store)->append(block_of((*store)->schema(), 0, 100)).ok());
  }
  for (const char* part : {"HEAD", "CONFIG.json", "db"}) {
    const std::string mixed = folder.file(std::string("mixed-") + part);
    fs::copy(a, mixed, fs::copy_options::recursive);
    fs::remove_all(mixed + "/" + part);
    fs::copy(b + "/" + part, mixed + "/" + part, fs::copy_options::recursive);
    const auto store = SeriesStore::open(mixed, OpenMode::kReadWrite);
    CHECK_MESSAGE(store.status().code() == Code::kDataLoss, part);
  }
}

TEST_CASE("verify_series: an intact archive verifies, a damaged row is found") {
  const TempDir folder;
  const std::string path = folder.file("a");
  make_archive(path);
  const auto report = verify_series(path, {});
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  CHECK(report->blocks == 3);
  CHECK(report->states == kStates);
  // blocks of 600, 299, 1 states in stretches of 64: 10 + 6 + 1 pieces, and the stretch 576..639
  // gathered, of 2 variables
  CHECK(report->rows == 2 * (10 + 6 + 1 + 1));
  CHECK(verify_series(path, [](const ProgressStep&) { return false; }).status().code() ==
        Code::kInterrupted);
  for (const auto& entry : fs::directory_iterator(path + "/db")) {
    if (entry.path().extension() != ".sst") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<int64_t>(entry.file_size()) / 2);
    file.put('\x55');
  }
  CHECK(verify_series(path, {}).status().code() == Code::kDataLoss);
}
