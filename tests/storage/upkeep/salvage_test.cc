// Salvage: whatever is damaged, what comes out was in the archive, and the rest is listed.
#include "storage/upkeep/salvage.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>
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
const Erasure kErased{.first = 200, .states = 30, .places = {1}};

// Data in SST files and in the log; one erasure.
void make_archive(const std::string& path) {
  {
    const auto store = SeriesStore::create(path, small_schema(2, 3));
    REQUIRE(store.ok());
    REQUIRE((*store)->append(block_of((*store)->schema(), 0, 600)).ok());
    REQUIRE((*store)->erase(kErased).ok());
  }
  const auto store = SeriesStore::open(path, OpenMode::kReadWrite);
  REQUIRE(store.ok());
  REQUIRE((*store)->append(block_of((*store)->schema(), 600, 299)).ok());
  REQUIRE((*store)->append(block_of((*store)->schema(), 899, 1)).ok());
}

std::vector<fs::path> files_of(const std::string& archive) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(archive)) {
    if (entry.is_regular_file() && entry.file_size() > 0) {
      files.push_back(fs::relative(entry.path(), archive));
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool listed(const SalvageReport& report, const std::string& variable, int64_t state) {
  return std::any_of(report.losses.begin(), report.losses.end(), [&](const Loss& loss) {
    return loss.variable == variable && loss.first <= state && state < loss.first + loss.states;
  });
}

// "" when every value of the salvaged archive is the original or listed as lost; else what is not.
std::string wrong_with(const std::string& path, const SalvageReport& report, int64_t& lost) {
  const auto store = SeriesStore::open(path, OpenMode::kReadWrite);
  if (!store.ok()) return store.status().message();
  const int64_t size = (*store)->size();
  StateBlock expected = block_of((*store)->schema(), 0, kStates);
  std::vector<float> got(static_cast<size_t>(size * 6));
  if (size > kStates) return "more states than there were";
  if (!(*store)->read(0, size, all_variables((*store)->schema()), got).ok()) return "unreadable";
  bool erased_back = false;
  for (int64_t i = 0; i < kStates * 6; ++i) {
    const int64_t state = i / 6, place = i % 3;
    const bool erased = place == 1 && state >= 200 && state < 230;
    const float was = erased ? std::nanf("") : expected.values[i];
    const bool there = state < size && same(got[i], was);
    if (there) continue;
    const bool missing = state >= size || std::isnan(got[i]);
    if (!missing && erased) {
      erased_back = true;
      continue;
    }
    if (!missing) return fmt::format("another value at state {}", state);
    if (!listed(report, i / 3 % 2 == 0 ? "v0" : "v1", state)) {
      return fmt::format("a loss at state {} that is not listed", state);
    }
    ++lost;
  }
  const bool told = std::any_of(report.notes.begin(), report.notes.end(), [](const auto& note) {
    return note.find("erase them again") != std::string::npos;
  });
  return erased_back && !told ? "erased states are back, and nobody said so" : "";
}

}  // namespace

TEST_CASE("salvage_series: of an intact archive everything") {
  const TempDir folder;
  make_archive(folder.file("a"));
  const auto report = salvage_series(folder.file("a"), folder.file("b"), {});
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  CHECK(report->states == kStates);
  CHECK(report->losses.empty());
  CHECK(report->notes.empty());
  int64_t lost = 0;
  CHECK(wrong_with(folder.file("b"), *report, lost) == "");
  CHECK(lost == 0);
  CHECK(!fs::exists(folder.file("b") + "/repair"));
}

TEST_CASE("salvage_series: damaged anywhere, nothing false comes out and every loss is listed") {
  const TempDir folder;
  make_archive(folder.file("good"));
  const std::vector<fs::path> files = files_of(folder.file("good"));
  const uint32_t seed = 5;
  std::mt19937 random(seed);
  int salvaged = 0, whole = 0;
  for (int i = 0; i < 60; ++i) {
    const std::string bad = folder.file("bad"), out = folder.file("out");
    fs::remove_all(bad);
    fs::remove_all(out);
    fs::copy(folder.file("good"), bad, fs::copy_options::recursive);
    const fs::path file = bad / files[static_cast<size_t>(i) % files.size()];
    const auto size = fs::file_size(file);
    const auto at = static_cast<int64_t>(random() % size);
    INFO("seed ", seed, " sample ", i, " ", file.string(), " at ", at);
    if (i % 5 == 4) {
      fs::remove(file);
    } else if (i % 5 == 3) {
      fs::resize_file(file, static_cast<uintmax_t>(at));
    } else {
      std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
      bytes.seekg(at);
      const char byte = static_cast<char>(bytes.get() ^ 0x41);
      bytes.seekp(at);
      bytes.put(byte);
    }
    const auto report = salvage_series(bad, out, {});
    REQUIRE_MESSAGE(report.ok(), report.status().message());
    int64_t lost = 0;
    const std::string wrong = wrong_with(out, *report, lost);
    CHECK(wrong == "");
    CHECK(verify_series(out, {}).ok());
    ++salvaged;
    whole += lost == 0;
  }
  MESSAGE(salvaged, " salvaged, ", whole, " of them whole");
  CHECK(whole > salvaged / 3);
}

TEST_CASE("salvage_series: a copy stands in for CONFIG.json; without both nothing can be done") {
  const TempDir folder;
  make_archive(folder.file("a"));
  REQUIRE(write_file_durably(folder.file("a") + "/CONFIG.json", "{").ok());
  fs::remove(folder.file("a") + "/HEAD");
  const auto report = salvage_series(folder.file("a"), folder.file("b"), {});
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  CHECK(report->states == kStates);
  CHECK(report->notes.size() == 2);
  REQUIRE(write_file_durably(folder.file("a") + "/CONFIG.copy.json", "{").ok());
  CHECK(salvage_series(folder.file("a"), folder.file("c"), {}).status().code() == Code::kDataLoss);
  CHECK(!fs::exists(folder.file("c")));
  CHECK(salvage_series(folder.file("a"), folder.file("b"), {}).status().code() != Code::kOk);
}
