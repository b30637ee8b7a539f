// make_golden FOLDER: writes archives like those of tests/golden, in the present format. They are
// made once for each format version and then never again; what is committed stays.
#include <fmt/format.h>

#include <filesystem>

#include "storage/series_store.h"
#include "tests/support/golden.h"
#include "tests/support/series.h"

namespace {

using namespace skipcast;
using namespace skipcast::storage;
using namespace skipcast::tests;

Status make(const std::string& path, Codec codec, bool erases) {
  for (const int64_t end : {150, 290, 300}) {  // opened anew each time: SST files and a log
    auto store = end == 150 ? SeriesStore::create(path, small_schema(2, 3, codec))
                            : SeriesStore::open(path, OpenMode::kReadWrite);
    if (!store.ok()) return store.status();
    const int64_t size = (*store)->size();
    SKIPCAST_TRY_OK((*store)->append(block_of((*store)->schema(), size, end - size)).status());
    if (erases && end == 290) {
      SKIPCAST_TRY_OK((*store)->erase({.first = kGoldenErasedFirst,
                                       .states = kGoldenErasedStates,
                                       .places = {kGoldenErasedPlace}}));
    }
  }
  std::filesystem::remove(path + "/db/LOCK");
  return Status();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return fmt::print(stderr, "usage: make_golden FOLDER\n"), 2;
  const std::string folder = argv[1];
  for (const bool erases : {false, true}) {
    for (const Codec codec : {Codec::kFloat32, Codec::kZstd}) {
      const std::string name =
          fmt::format("{}-v{}", codec == Codec::kZstd ? "zstd" : "float32", erases ? 2 : 1);
      const Status status = make(folder + "/" + name, codec, erases);
      if (!status.ok()) return fmt::print(stderr, "{}\n", status.message()), 1;
    }
  }
  return 0;
}
