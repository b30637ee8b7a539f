// labels: golden
// Archives of every released format version, kept as they were written (tests/golden, made by
// tests/golden/make): they open and answer the same, for ever.
#include "tests/support/golden.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "storage/series/archive_config.h"
#include "storage/series/series_store.h"
#include "storage/upkeep/archive_copy.h"
#include "storage/upkeep/series_verify.h"
#include "tests/support/series.h"
#include "tests/support/skip.h"

using namespace skipcast;
using namespace skipcast::storage;
using namespace skipcast::tests;

namespace {

namespace fs = std::filesystem;

std::string golden_folder() {
  const char* source = std::getenv("SKIPCAST_SOURCE_DIR");
  return std::string(source ? source : ".") + "/tests/golden";
}

void check_archive(const std::string& name, int32_t version, bool erased) {
  CAPTURE(name);
  const TempDir folder;
  const std::string path = folder.file("a");
  fs::copy(golden_folder() + "/" + name, path, fs::copy_options::recursive);
  CHECK(read_config(path)->format_version == version);
  const auto report = verify_series(path, {});
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  CHECK(report->states == kGoldenStates);
  for (const OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite}) {
    const auto store = SeriesStore::open(path, mode);
    REQUIRE_MESSAGE(store.ok(), store.status().message());
    CHECK((*store)->store_id() == read_config(path)->store_id);
    StateBlock expected = block_of((*store)->schema(), 0, kGoldenStates);
    if (erased) blank_golden(expected);
    std::vector<float> got(expected.values.size());
    REQUIRE((*store)->read(0, kGoldenStates, all_variables((*store)->schema()), got).ok());
    CHECK(std::equal(got.begin(), got.end(), expected.values.begin(), same));
    CHECK((*store)->erasures().size() == (erased ? 1 : 0));
    if (mode == OpenMode::kReadOnly) continue;
    CHECK((*store)->append(block_of((*store)->schema(), kGoldenStates, 100)).ok());
  }
  CHECK(verify_series(path, {}).ok());
}

}  // namespace

TEST_CASE("Golden: archives of format version 1 open and answer as they always did") {
  check_archive("float32-v1", 1, false);
  check_archive("zstd-v1", 1, false);
}

TEST_CASE("Golden: archives of format version 2, with a tombstone") {
  check_archive("float32-v2", 2, true);
  check_archive("zstd-v2", 2, true);
}
