#include "storage/blocks/block_format.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <random>

#include "storage/blocks/row_codec.h"
#include "storage/files/checksum.h"
#include "storage/series/block_encoder.h"
#include "storage/series/block_table.h"
#include "tests/support/series.h"

using namespace skipcast;
using namespace skipcast::storage;
using namespace skipcast::tests;

namespace {

const std::string kId = "00112233445566778899aabbccddeeff";

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<uint8_t>(byte));
  return text;
}

const BlockHeader kHeader{
    .block = 3, .first = 70, .states = 5, .variables = 2, .places = 3, .row_states = 64};
const BlockFooter kFooter{
    .block = 3, .rows = 4, .rows_crc = 0x01020304, .header_seal = 5, .previous_seal = 6};

}  // namespace

TEST_CASE("crc32c: the published value, in pieces, and with or without the instruction") {
  CHECK(crc32c("123456789") == 0xe3069283u);
  CHECK(crc32c("") == 0u);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aau);  // RFC 3720, B.4
  std::mt19937 random(1);
  std::string bytes(1000, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  for (size_t cut = 0; cut < bytes.size(); cut += 37) {
    const uint32_t head = crc32c(0, bytes.data(), cut);
    CHECK(crc32c(head, bytes.data() + cut, bytes.size() - cut) == crc32c(bytes));
    CHECK(crc32c_portable(0, bytes.data() + cut, bytes.size() - cut) ==
          crc32c(0, bytes.data() + cut, bytes.size() - cut));
  }
}

TEST_CASE("Format 1: keys and records have the bytes that version 1 has had from the start") {
  CHECK(hex(header_key(3)) == "62000000000000000368");
  CHECK(hex(footer_key(3)) == "6200000000000000037a");
  CHECK(hex(row_key({RowKind::kPiece, 1, 70, 5})) == "7200010000000000000046");
  CHECK(hex(row_key({RowKind::kGathered, 258, 64, 64})) == "6701020000000000000040");
  CHECK(hex(encode_header(kHeader, kId).bytes) ==
        "03000000000000004600000000000000050000000000000002000000030000000000000040000000d417dbfb");
  CHECK(hex(encode_footer(kFooter, kId).bytes) ==
        "03000000000000000400000000000000040302010500000006000000244318a7");
  const std::vector<float> values{1.0f, -2.0f};
  CHECK(hex(encode_row({RowKind::kPiece, 1, 70, 2}, Codec::kFloat32, values, {kId, 1}).bytes) ==
        "000200000000000000080000000000803f000000c0910874d6");
}

TEST_CASE("Format 1: headers and footers come back; any flipped bit or cut is data loss") {
  uint32_t seal = 0;
  const Sealed header = encode_header(kHeader, kId), footer = encode_footer(kFooter, kId);
  CHECK(*decode_header(header_key(3), header.bytes, kId, seal) == kHeader);
  CHECK(seal == header.seal);
  CHECK(decode_footer(footer_key(3), footer.bytes, kId, seal)->rows_crc == kFooter.rows_crc);
  CHECK(!decode_header(header_key(4), header.bytes, kId, seal).ok());
  CHECK(!decode_header(header_key(3), header.bytes, std::string(32, '0'), seal).ok());
  for (size_t bit = 0; bit < header.bytes.size() * 8; ++bit) {
    std::string bytes = header.bytes;
    bytes[bit / 8] ^= 1 << bit % 8;
    CHECK(decode_header(header_key(3), bytes, kId, seal).status().code() == Code::kDataLoss);
  }
  for (size_t length = 0; length < footer.bytes.size(); ++length) {
    CHECK(!decode_footer(footer_key(3), footer.bytes.substr(0, length), kId, seal).ok());
  }
}

TEST_CASE("Format 1: rows come back bit for bit; any flipped byte or cut is data loss") {
  std::mt19937 random(5);
  std::vector<float> values;
  for (int i = 0; i < 7 * 9; ++i) values.push_back(std::bit_cast<float>(uint32_t(random())));
  const RowId row{RowKind::kPiece, 2, 128, 7};
  const RecordContext context{kId, 9};
  for (const Codec codec : {Codec::kFloat32, Codec::kZstd}) {
    const std::string bytes = encode_row(row, codec, values, context).bytes;
    std::string scratch;
    const auto back = decode_row(row, bytes, context, scratch);
    REQUIRE(back.ok());
    CHECK(std::memcmp(back->data(), values.data(), back->size()) == 0);
    CHECK(back->size() == values.size() * sizeof(float));
    for (size_t at = 0; at < bytes.size(); ++at) {
      std::string damaged = bytes;
      damaged[at] ^= 0x10;
      CHECK(!decode_row(row, damaged, context, scratch).ok());
      CHECK(!decode_row(row, std::string_view(bytes).substr(0, at), context, scratch).ok());
    }
    CHECK(!decode_row({RowKind::kPiece, 1, 128, 7}, bytes, context, scratch).ok());
    CHECK(!decode_row({RowKind::kPiece, 2, 128, 8}, bytes, context, scratch).ok());
    CHECK(!decode_row(row, bytes, {kId, 8}, scratch).ok());
  }
}

TEST_CASE("row_codec: the zstd codec makes smooth values smaller and hostile bytes harmless") {
  std::vector<float> values;
  for (int i = 0; i < 4096; ++i) values.push_back(20 + 0.1f * static_cast<float>(i % 100));
  std::string coded, scratch;
  encode_values(Codec::kZstd, values, coded);
  CHECK(coded.size() < values.size() * 2);
  CHECK(!decode_values(Codec::kZstd, coded, 4095, scratch).ok());
  CHECK(!decode_values(Codec::kZstd, coded, int64_t{1} << 40, scratch).ok());
  CHECK(!decode_values(Codec::kZstd, "", 1, scratch).ok());
  std::mt19937 random(2);
  for (int i = 0; i < 500; ++i) {
    std::string damaged = coded;
    for (int k = 0; k < 4; ++k) damaged[random() % damaged.size()] = static_cast<char>(random());
    const auto back = decode_values(Codec::kZstd, damaged, 4096, scratch);  // no crash, right size
    if (back.ok()) CHECK(back->size() == 4096 * sizeof(float));
  }
}

TEST_CASE("row_states_for: at most 64, a power of two, 256 KiB a row") {
  CHECK(row_states_for(1) == 64);
  CHECK(row_states_for(1024) == 64);
  CHECK(row_states_for(1025) == 32);
  CHECK(row_states_for(10'512) == 4);
  CHECK(row_states_for(1'038'240) == 1);
}

TEST_CASE("BlockTable: a plan covers what was asked, once, whatever the cuts") {
  std::mt19937 random(9);
  BlockTable table(64);
  while (table.count() < 200) {
    table.add(1 + random() % (random() % 5 == 0 ? 300 : 9), 0);
  }
  for (int i = 0; i < 2000; ++i) {
    const int64_t first = random() % table.size();
    const int64_t count = 1 + random() % std::min<int64_t>(200, table.size() - first);
    int64_t next = first;
    for (const RowId& row : table.plan(first, count)) {
      CHECK(row.first <= next);
      CHECK(row.first + row.states > next);
      next = row.first + row.states;
    }
    CHECK(next >= first + count);
  }
  CHECK(table.plan(5, 0).empty());
}

TEST_CASE("BlockTable: many small appends are read as one row a complete stretch") {
  BlockTable table(64);
  for (int i = 0; i < 130; ++i) table.add(1, 0);
  CHECK(table.plan(0, 64).size() == 1);
  CHECK(table.plan(0, 64)[0].kind == RowKind::kGathered);
  CHECK(table.plan(10, 1)[0].kind == RowKind::kPiece);
  CHECK(table.plan(0, 130).size() == 4);  // two gathered rows, two pieces
}

TEST_CASE("encode_block: what the footer says is what the records are") {
  const Schema schema = small_schema(2, 3);
  const RecordContext context{kId, 3};
  const StateBlock block = block_of(schema, 60, 70);
  const auto stored = [&](int32_t variable, int64_t first, int64_t count, std::span<float> out) {
    for (int64_t i = 0; i < count * 3; ++i) out[i] = value_at(first + i / 3, variable, i % 3);
    return Status();
  };
  const Receipt last{.block = 7, .states = 62};
  const auto encoded = encode_block({schema, context, 64}, block, last, stored);
  REQUIRE(encoded.ok());
  CHECK(encoded->receipt.block == 8);
  CHECK(encoded->receipt.states == 130);
  // header; 2 gathered rows 0..63; pieces 62..63, 64..127, 128..129 of 2 variables; footer
  REQUIRE(encoded->records.size() == 1 + 2 + 6 + 1);
  for (size_t i = 2; i + 1 < encoded->records.size(); ++i) {
    CHECK(encoded->records[i - 1].key < encoded->records[i].key);
  }
  const auto failing = [](int32_t, int64_t, int64_t, std::span<float>) { return data_loss("x"); };
  CHECK(encode_block({schema, context, 64}, block, last, failing).status().code() ==
        Code::kDataLoss);
}
