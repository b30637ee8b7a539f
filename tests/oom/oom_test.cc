// labels: oom
// Every allocation of every parser and codec fails once, and once with all after it: what comes
// out is std::bad_alloc or a Status that does not blame the bytes, nothing leaks, and the next
// call works. Allocations of C libraries and of FAISS's threads are not failed.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "retrieval/indexes/vector_index.h"
#include "retrieval/search/index_envelope.h"
#include "storage/blocks/block_format.h"
#include "storage/blocks/head_receipt.h"
#include "storage/readers/recipe.h"
#include "storage/series/archive_config.h"
#include "tests/oom/failing_new.h"
#include "tests/storage/readers/foreign_files.h"

// LeakSanitizer's, where that is linked in.
extern "C" __attribute__((weak)) void __lsan_disable();
extern "C" __attribute__((weak)) void __lsan_enable();

using namespace skipcast;
using namespace skipcast::storage;
using namespace skipcast::tests;

namespace {

constexpr int64_t kAllocationsMax = 100'000;
const std::string kStoreId = "00112233445566778899aabbccddeeff";

// FAISS 1.7.3's constructor of an hnsw index loses its first part when the second does not fit.
enum class Leaks { kNone, kOfFaiss };
enum class Outcome { kOk, kBadAlloc, kStatus, kBlamesBytes };

// Counted while allocations still fail: everything the operation made is gone again by then.
template <typename Operation>
Outcome outcome_of(Operation& operation) {
  try {
    const Status status = operation();
    if (status.ok()) return Outcome::kOk;
    const bool blames = status.code() == Code::kBadInput || status.code() == Code::kDataLoss;
    return blames ? Outcome::kBlamesBytes : Outcome::kStatus;
  } catch (const std::bad_alloc&) {
    return Outcome::kBadAlloc;
  }
}

// Fails allocation 1, 2, ... until the operation needs no more; their number.
template <typename Operation>
int64_t fail_each(Operation& operation, Failing mode, Leaks leaks) {
  for (int64_t n = 1; n < kAllocationsMax; ++n) {
    Outcome outcome = Outcome::kOk;
    int64_t live = 0;
    bool failed = false;
    {
      const FailingNew failing(n, mode);
      outcome = outcome_of(operation);
      live = failing.live();
      failed = failing.failed();
    }
    CAPTURE(n);
    REQUIRE((live == 0 || leaks == Leaks::kOfFaiss));
    REQUIRE(outcome != Outcome::kBlamesBytes);
    REQUIRE((failed || outcome == Outcome::kOk));
    REQUIRE(operation().ok());
    if (!failed) return n - 1;
  }
  return kAllocationsMax;
}

template <typename Operation>
void check_every_allocation(const std::string& what, Operation operation,
                            Leaks leaks = Leaks::kNone) {
  CAPTURE(what);
  for (int warm = 0; warm < 2; ++warm) {
    const Status status = operation();
    REQUIRE_MESSAGE(status.ok(), status.message());
  }
  const bool tolerated = leaks == Leaks::kOfFaiss && __lsan_disable != nullptr;
  if (tolerated) __lsan_disable();
  const int64_t once = fail_each(operation, Failing::kOnce, leaks);
  const int64_t from_then_on = fail_each(operation, Failing::kFromThenOn, leaks);
  if (tolerated) __lsan_enable();
  MESSAGE(what << ": " << once << " allocations");
  CHECK(once > 0);
  CHECK(once < kAllocationsMax);
  CHECK(from_then_on == once);
}

Status expect(bool condition) { return condition ? Status() : usage("a wrong result"); }

}  // namespace

TEST_CASE("Out of memory: records of a block") {
  const BlockHeader header{3, 70, 5, 2, 3, 64};
  check_every_allocation("header", [&] {
    uint32_t seal = 0;
    const Sealed sealed = encode_header(header, kStoreId);
    SKIPCAST_TRY(const BlockHeader back,
                 decode_header(header_key(3), sealed.bytes, kStoreId, seal));
    return expect(back == header);
  });
  const std::vector<float> values(64 * 3, 1.5f);
  const RowId row{RowKind::kPiece, 1, 64, 64};
  for (const Codec codec : {Codec::kFloat32, Codec::kZstd}) {
    check_every_allocation("row", [&] {
      std::string scratch;
      const Sealed sealed = encode_row(row, codec, values, {kStoreId, 3});
      SKIPCAST_TRY(const auto back, decode_row(row, sealed.bytes, {kStoreId, 3}, scratch));
      return expect(back.size() == values.size() * sizeof(float));
    });
  }
  check_every_allocation("tombstone", [&] {
    uint32_t seal = 0;
    const Sealed sealed = encode_tombstone({3, 70, 5, {0, 2}}, kStoreId);
    SKIPCAST_TRY(const Erasure back,
                 decode_tombstone(tombstone_key(3), sealed.bytes, {kStoreId, 3}, seal));
    return expect(back.places.size() == 2);
  });
}

TEST_CASE("Out of memory: HEAD") {
  const TempDir dir;
  check_every_allocation("HEAD", [&] {
    SKIPCAST_TRY_OK(create_head(dir.path(), kStoreId, 9));
    SKIPCAST_TRY(HeadFile head, HeadFile::open(dir.path(), kStoreId));
    SKIPCAST_TRY_OK(head.write({1, 64, 10}));
    SKIPCAST_TRY(const Receipt receipt, read_head(dir.path(), kStoreId));
    return expect(receipt.block == 1);
  });
}

TEST_CASE("Out of memory: envelope and index") {
  const auto index = retrieval::make_flat_index(3);
  REQUIRE(index->add(std::vector<int64_t>{1, 2, 4}, std::vector<float>(9, 0.5f)).ok());
  const std::string payload = index->serialize().value();
  check_every_allocation("envelope", [&] {
    const std::string bytes =
        retrieval::pack_envelope({"flat", kStoreId, "context", 9, 3, 1, 3}, payload);
    SKIPCAST_TRY(const retrieval::Envelope envelope, retrieval::unpack_envelope(bytes));
    return expect(envelope.payload() == payload);
  });
  const std::vector<float> query(3, 0.25f);
  const retrieval::Interval all{0, 100};
  const auto hnsw = retrieval::make_hnsw_index(3, {.links = 2});
  REQUIRE(hnsw->add(index->ids(), std::vector<float>(9, 0.5f)).ok());
  const std::string graph = hnsw->serialize().value();
  check_every_allocation("flat index", [&] {
    SKIPCAST_TRY(const auto loaded, retrieval::load_index("flat", payload, 3, 3));
    SKIPCAST_TRY(const auto found, loaded->search(query, 2, {&all, 1}, 0));
    return expect(found.size() == 2);
  });
  check_every_allocation(
      "hnsw index",
      [&] {
        SKIPCAST_TRY(const auto loaded, retrieval::load_index("hnsw", graph, 3, 3));
        SKIPCAST_TRY(const auto found, loaded->search(query, 2, {&all, 1}, 8));
        return expect(found.size() == 2);
      },
      Leaks::kOfFaiss);
}

namespace {

const char* const kSchema = R"({"title": "A title too long for a short string",
  "axis": {"start": "2016-01-01", "step_seconds": 3600},
  "variables": [{"name": "a", "units": "K", "codec": "zstd"}, {"name": "b", "units": "1"}],
  "places": {"kind": "graph", "names": ["x", "y"], "lat": [1, 2], "lon": [3.5, -4],
             "edges": {"from": [0, 1], "to": [1, 0], "weight": [0.5, 1]}},
  "tasks": [{"name": "t", "split": [0.6, 0.2, 0.2]}]})";

const char* const kLongRecipe = R"({"layout": "long", "places": {"column": "s"},
  "time": {"columns": ["year", "month", "day", "hour"], "step": "1 h"}, "tasks": [{"name": "t"}],
  "variables": [{"name": "PM", "missing": ["x", -9]},
                {"name": "n", "source": "wd", "map": {"N": 1, "S": -1}}]})";

Status read_to_the_end(const std::string& file, const std::string& recipe) {
  SKIPCAST_TRY(const auto reader, open_states({file}, recipe, {}));
  while (true) {
    SKIPCAST_TRY(const auto block, reader->next(2));
    if (!block) return {};
  }
}

}  // namespace

TEST_CASE("Out of memory: schema, CONFIG.json and recipe") {
  check_every_allocation("schema", [] { return schema_from_json(kSchema, "s.json").status(); });
  check_every_allocation("recipe", [] { return parse_recipe(kLongRecipe, "r.json").status(); });
  const TempDir dir;
  const ArchiveConfig config{.store_id = kStoreId,
                             .schema = schema_from_json(kSchema, "s.json").value()};
  REQUIRE(write_config(dir.path(), config).ok());
  check_every_allocation("CONFIG.json", [&] {
    SKIPCAST_TRY(const ArchiveConfig back, read_config(dir.path()));
    return expect(back.store_id == kStoreId);
  });
}

TEST_CASE("Out of memory: CSV") {
  const TempDir dir;
  const std::string wide = write_text(dir.file("wide.csv"),
                                      "time,a,b\n2016-01-10,1.5,-2e3\n"
                                      "2016-01-11,2,NA\n2016-01-14,3,4\n");
  check_every_allocation("wide CSV", [&] { return read_to_the_end(wide, ""); });
  const std::string rows =
      write_text(dir.file("long.csv"),
                 "year,month,day,hour,PM,wd,s\n"
                 "2016,2,28,0,3.5,N,a\n2016,2,28,0,-9,S,b\n2016,2,28,1,4,N,a\n2016,2,28,3,5,S,b\n");
  const std::string recipe = write_text(dir.file("long.json"), kLongRecipe);
  check_every_allocation("long CSV", [&] { return read_to_the_end(rows, recipe); });
  const std::string across = write_text(dir.file("across.csv"), "x,1,2,3\ny,4,5,6\n");
  const std::string how = write_text(dir.file("across.json"), R"({"layout": "transposed",
    "places": {"first_column": true}, "time": {"start": "2016-01-01", "step": "1 h"},
    "variables": [{"name": "v"}]})");
  check_every_allocation("transposed CSV", [&] { return read_to_the_end(across, how); });
}

TEST_CASE("Out of memory: NPY and NPZ") {
  const TempDir dir;
  const std::string recipe = write_text(dir.file("npz.json"), R"({"time": {"array": "t"},
    "places": {"array": "ids"}, "variables": [{"name": "v"}], "adjacency": {"array": "adj"}})");
  const std::string npz =
      write_npz(dir.file("a.npz"), {{"v", npy<float>("<f4", "(3, 2)", {1, 2, 3, 4, 5, 6})},
                                    {"ids", npy_texts({"a", "b"}, 4)},
                                    {"t", npy<int64_t>("<i8", "(3,)", {0, 60, 120})},
                                    {"adj", npy<double>("<f8", "(2, 2)", {0, 1, 1, 0})}});
  check_every_allocation("NPZ", [&] { return read_to_the_end(npz, recipe); });
  const std::string how = write_text(dir.file("npy.json"), R"({"time": {"start": "2016-01-01",
    "step": "1 h"}, "variables": [{"name": "v"}]})");
  const std::string plain =
      write_text(dir.file("a.npy"), npy<int16_t>("<i2", "(3, 2)", {1, 2, 3, 4, 5, 6}));
  check_every_allocation("NPY", [&] { return read_to_the_end(plain, how); });
}

// The proof that a leak on the way out would be seen.
TEST_CASE("Out of memory: a decoder that leaks is caught" * doctest::should_fail()) {
  check_every_allocation("leaking decoder", [] {
    static std::string* first = nullptr;  // LeakSanitizer shall not see it: the check must
    first = new std::string(100, 'a');
    const std::string second(100, 'b');  // when this fails, the first one is lost
    const bool same = *first == second;
    delete first;
    return expect(!same);
  });
}
