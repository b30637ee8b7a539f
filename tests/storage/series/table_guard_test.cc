// A table whose properties are damaged is refused. Without the guard RocksDB's own assertion ends
// the process (and this test).
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "storage/files/file_io.h"
#include "tests/support/open_store.h"
#include "tests/support/programme.h"
#include "tests/support/series.h"

using namespace skipcast;
using namespace skipcast::storage;
using namespace skipcast::tests;

namespace {

std::string table_of(const std::string& archive) {
  for (const auto& entry : std::filesystem::directory_iterator(archive + "/db")) {
    if (entry.path().extension() == ".sst") return entry.path();
  }
  return "";
}

}  // namespace

TEST_CASE("Table guard: no byte of a table's end, changed, ends the process") {
  const MemoryDir folder;
  const std::string path = folder.file("a");
  {
    const auto store = SeriesStore::create(path, small_schema(1, 2));
    REQUIRE(store.ok());
    REQUIRE((*store)->append(block_of((*store)->schema(), 0, 40)).ok());
  }
  open_ok(path, OpenMode::kReadWrite);  // moves what the log holds into a table
  const std::string table = table_of(path);
  REQUIRE(!table.empty());
  const std::string good = *read_file(table, 1 << 20);
  // Properties, metaindex and footer take the last 1,100 bytes or so; the seal of the properties
  // stands in the middle of them.
  int refused = 0;
  const size_t first = good.size() - std::min<size_t>(good.size(), 1200);
  for (size_t at = first; at < good.size(); ++at) {
    const std::string copy = folder.file("copy");
    std::filesystem::remove_all(copy);
    std::filesystem::copy(path, copy, std::filesystem::copy_options::recursive);
    std::string bad = good;
    bad[at] ^= static_cast<char>(0x80);
    REQUIRE(write_file_durably(table_of(copy), bad).ok());
    const auto store = SeriesStore::open(copy, OpenMode::kReadWrite);
    if (!store.ok()) {
      CHECK(store.status().code() == Code::kDataLoss);
      CHECK(store.status().message().find(copy) != std::string::npos);
      ++refused;
    } else {
      CHECK((*store)->size() == 40);
    }
  }
  CHECK(refused > 900);
}
