// labels: unit
// The walk over headers and footers, over records that seal themselves soundly but lie: what a
// mixed-up backup or a defect of ours could leave behind.
#include "storage/series/recovery.h"

#include <doctest/doctest.h>

#include <functional>
#include <map>

#include "storage/blocks/block_format.h"
#include "tests/storage/readers/foreign_files.h"
#include "tests/support/series.h"

using namespace skipcast;
using namespace skipcast::storage;
using skipcast::tests::check_failure;

namespace {

const std::string kId(32, 'a');
constexpr int64_t kPlaces = 3;
const Schema kSchema = tests::small_schema(1, kPlaces);

// Records in memory; only the walk's scan is needed.
struct Records final : RowDatabase {
  std::map<std::string, std::string> all;

  Status write_synced(std::span<const Record>) override { return io_error("read only"); }
  Status get_all(std::span<const std::string>, const Visit&) const override {
    return io_error("not here");
  }
  Status scan(std::string_view begin, std::string_view end,
              const VisitRecord& visit) const override {
    for (const auto& [key, value] : all) {
      if (key >= begin && key < end) SKIPCAST_TRY_OK(visit(key, value));
    }
    return {};
  }
  std::string last_key(std::string_view, std::string_view) const override { return ""; }
  Status verify_checksums() const override { return {}; }
};

// Three blocks: 64 states, 10 states, and the erasure of two of them.
struct Series {
  BlockHeader headers[3] = {
      {1, 0, 64, 1, kPlaces, 64}, {2, 64, 10, 1, kPlaces, 64}, {3, 74, 0, 1, kPlaces, 64}};
  Erasure erasure{.block = 3, .first = 5, .states = 2, .places = {1}};
  std::function<void(BlockFooter&)> change = [](BlockFooter&) {};  // before they are sealed
  Receipt acknowledged{.block = 3, .states = 74};
  Records records;

  Series() { seal(); }
  // Writes all records anew, each sealed and chained as it stands.
  void seal() {
    records.all.clear();
    uint32_t chain = chain_start(kId);
    for (const BlockHeader& header : headers) {
      const Sealed sealed = encode_header(header, kId);
      BlockFooter footer{header.block, 1, 0, sealed.seal, chain};
      if (header.states == 0) {
        const Sealed tombstone = encode_tombstone(erasure, kId);
        records.all[tombstone_key(header.block)] = tombstone.bytes;
        footer.rows_crc = crc_with_seal(0, tombstone.seal);
      }
      change(footer);
      const Sealed sealed_footer = encode_footer(footer, kId);
      records.all[header_key(header.block)] = sealed.bytes;
      records.all[footer_key(header.block)] = sealed_footer.bytes;
      chain = sealed_footer.seal;
    }
    acknowledged.chain = chain;
  }
  Result<RecoveredSeries> walk(bool through_acknowledged = false) const {
    return walk_blocks(records, kSchema, kId, {acknowledged, through_acknowledged});
  }
  Status status() const { return walk().status(); }
};

// What the walk says after the change of a header or of the erasure, all of it sealed anew.
Status after(const std::function<void(Series&)>& change) {
  Series series;
  change(series);
  series.seal();
  return series.status();
}

Status after_footer(int64_t block, const std::function<void(BlockFooter&)>& change) {
  return after([&](Series& series) {
    series.change = [=](BlockFooter& footer) {
      if (footer.block == block) change(footer);
    };
  });
}

}  // namespace

TEST_CASE("Recovery: a sound series comes back, with its erasure") {
  const Series series;
  const auto found = series.walk();
  REQUIRE(found.ok());
  CHECK(found->last == series.acknowledged);
  CHECK(found->table.size() == 74);
  CHECK(found->table.count() == 3);
  CHECK(found->table.info(2).first == 64);
}

TEST_CASE("Recovery: without the newest blocks, what was acknowledged is data loss") {
  Series series;
  series.records.all.erase(header_key(3));
  series.records.all.erase(tombstone_key(3));
  series.records.all.erase(footer_key(3));
  check_failure(series.status(), Code::kDataLoss,
                {"3 blocks were acknowledged", "holds 2", "(74 of 74 states)"});
  Receipt& acknowledged = series.acknowledged;
  acknowledged = {.block = 1, .states = 64, .chain = 7};
  check_failure(series.status(), Code::kDataLoss, {"block 1", "not the block that HEAD"});
  acknowledged = {.block = 0, .states = 0, .chain = 7};
  check_failure(series.status(), Code::kDataLoss, {"HEAD belongs to another series"});
  acknowledged.chain = chain_start(kId);
  CHECK(series.walk()->table.size() == 74);     // a writer's blocks that HEAD has not seen yet
  CHECK(series.walk(true)->table.size() == 0);  // and left out when asked
}

TEST_CASE("Recovery: a missing record names its block") {
  const auto without = [](const std::string& key) {
    Series series;
    series.records.all.erase(key);
    return series.status();
  };
  check_failure(without(header_key(1)), Code::kDataLoss, {"block 1"});
  check_failure(without(footer_key(1)), Code::kDataLoss, {"block 1"});
  check_failure(without(header_key(2)), Code::kDataLoss, {"block 2"});
  check_failure(without(tombstone_key(3)), Code::kDataLoss, {"block 3"});
  check_failure(without(footer_key(3)), Code::kDataLoss, {"block 3: its footer is missing"});
  Series series;
  series.records.all.erase(header_key(2));
  series.records.all.erase(footer_key(2));
  check_failure(series.status(), Code::kDataLoss, {"block 2: missing before it"});
}

TEST_CASE("Recovery: headers whose states or shape do not fit are told apart") {
  const char* const order = "block 2: its states do not follow";
  check_failure(after([](Series& s) { s.headers[1].first = 65; }), Code::kDataLoss, {order});
  check_failure(after([](Series& s) { s.headers[1].states = -1; }), Code::kDataLoss, {order});
  check_failure(after([](Series& s) { s.headers[1].states = INT64_MAX; }), Code::kDataLoss,
                {order});
  const char* const shape = "block 2: its shape is not the archive's";
  check_failure(after([](Series& s) { s.headers[1].variables = 2; }), Code::kDataLoss, {shape});
  check_failure(after([](Series& s) { s.headers[1].places = 4; }), Code::kDataLoss, {shape});
  check_failure(after([](Series& s) { s.headers[1].row_states = 32; }), Code::kDataLoss, {shape});
}

TEST_CASE("Recovery: erasures of states or places that are not there") {
  const char* const astray = "block 3: it erases states that are not there";
  check_failure(after([](Series& s) { s.erasure.first = 73; }), Code::kDataLoss, {astray});
  check_failure(after([](Series& s) { s.erasure.first = -1; }), Code::kDataLoss, {"block 3"});
  check_failure(after([](Series& s) { s.erasure.states = 0; }), Code::kDataLoss, {"block 3"});
  check_failure(after([](Series& s) { s.erasure.places = {3}; }), Code::kDataLoss, {"block 3"});
}

TEST_CASE("Recovery: footers that belong to another header, chain, block or number of rows") {
  check_failure(after_footer(2, [](BlockFooter& f) { ++f.header_seal; }), Code::kDataLoss,
                {"block 2: header and footer do not belong together"});
  check_failure(after_footer(2, [](BlockFooter& f) { ++f.previous_seal; }), Code::kDataLoss,
                {"block 2: it does not continue the chain"});
  check_failure(after_footer(2, [](BlockFooter& f) { f.rows = 2; }), Code::kDataLoss,
                {"block 2: it has the wrong number of rows"});
  check_failure(after_footer(3, [](BlockFooter& f) { ++f.rows_crc; }), Code::kDataLoss,
                {"block 3: its tombstone is not the one it sealed"});
  Series other;
  other.headers[2].first = 74;
  other.erasure.first = 6;  // as long a series, another history
  const Receipt acknowledged = other.acknowledged;
  other.seal();
  other.acknowledged = acknowledged;
  check_failure(other.status(), Code::kDataLoss, {"block 3: it is not the block that HEAD"});
}
